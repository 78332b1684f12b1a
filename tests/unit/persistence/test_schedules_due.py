"""When a schedule is due: pure, so every clock change and leap year can be tried."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.schedules import policy
from aeon_jobs.persistence.schedules import timetable as timetables
from aeon_jobs.persistence.schedules.policy import PORTION, CatchUp

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    """A moment, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def upcoming(cron: str, zone: str, after: datetime) -> Iterator[datetime]:
    return timetables.parse(cron, zone).after(after)


def due_moments(
    cron: str, zone: str, begin: datetime, now: datetime, catch_up: CatchUp
) -> tuple[list[datetime], datetime | None]:
    due = policy.due(timetables.parse(cron, zone), begin, now, catch_up)
    return due.moments, due.following


def first(cron: str, zone: str, after: str, count: int = 1) -> list[str]:
    return [f"{moment:%Y-%m-%d %H:%M}" for moment in islice(upcoming(cron, zone, at(after)), count)]


def test_a_cron_line_is_read_on_the_clock_of_its_zone():
    assert first("0 9 * * *", BERLIN, "2026-07-01 00:00") == ["2026-07-01 07:00"]
    assert first("0 9 * * *", BERLIN, "2026-12-01 00:00") == ["2026-12-01 08:00"]
    assert first("0 9 * * *", "Asia/Kolkata", "2026-12-01 00:00") == ["2026-12-01 03:30"]


def test_a_moment_is_after_not_at():
    assert first("* * * * *", "UTC", "2026-01-01 00:00") == ["2026-01-01 00:01"]


def test_a_time_that_the_spring_leaves_out_is_run_once_when_the_clock_has_jumped():
    # 29 March 2026: 02:00 becomes 03:00 in Berlin, 01:00 UTC.
    assert first("30 2 * * *", BERLIN, "2026-03-28 12:00", 2) == ["2026-03-29 01:00", "2026-03-30 00:30"]


def test_a_time_that_the_autumn_has_twice_is_run_once():
    # 25 October 2026: 03:00 becomes 02:00 in Berlin, 01:00 UTC.
    assert first("30 2 * * *", BERLIN, "2026-10-24 12:00", 2) == ["2026-10-25 00:30", "2026-10-26 01:30"]


def test_every_half_hour_goes_on_through_both_changes_of_the_clock():
    for day in ("2026-03-28 23:00", "2026-10-24 23:00"):
        moments = list(islice(upcoming("*/30 * * * *", BERLIN, at(day)), 12))
        assert {b - a for a, b in pairwise(moments)} == {timedelta(minutes=30)}


def test_the_29th_of_february_comes_in_leap_years_alone():
    assert first("0 0 29 2 *", "UTC", "2026-01-01 00:00", 2) == ["2028-02-29 00:00", "2032-02-29 00:00"]


def test_sunday_is_0_and_7_and_sun():
    for sunday in ("0", "7", "sun", "SUN"):
        assert first(f"0 0 * * {sunday}", "UTC", "2026-11-20 00:00") == ["2026-11-22 00:00"]


@pytest.mark.parametrize("cron", ["", "* * * *", "60 * * * *", "* * 0 * *", "* * * 13 *", "a b c d e", "*/0 * * * *"])
def test_what_is_no_cron_line_is_refused_by_name(cron):
    with pytest.raises(InvalidJob) as refusal:
        upcoming(cron, "UTC", at("2026-01-01 00:00"))
    assert [violation.field for violation in refusal.value.violations] == ["cron"]


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../../etc/passwd", "/etc/localtime", "Europe", "UTC\0"])
def test_what_is_no_time_zone_is_refused_by_name(zone):
    with pytest.raises(InvalidJob) as refusal:
        upcoming("* * * * *", zone, at("2026-01-01 00:00"))
    assert [violation.field for violation in refusal.value.violations] == ["timezone"]


def test_a_schedule_on_time_runs_now_whatever_its_policy():
    moment = at("2026-01-01 10:00")
    for catch_up in ("last", "all", "none"):
        due, following = due_moments("0 * * * *", "UTC", moment, moment + timedelta(seconds=20), catch_up)
        assert (due, following) == ([moment], at("2026-01-01 11:00"))


def test_missed_runs_are_made_up_for_by_the_last_of_them():
    due, following = due_moments("0 * * * *", "UTC", at("2026-01-01 00:00"), at("2026-01-01 05:59"), "last")
    assert (due, following) == ([at("2026-01-01 05:00")], at("2026-01-01 06:00"))


def test_missed_runs_are_made_up_for_one_by_one():
    due, following = due_moments("0 * * * *", "UTC", at("2026-01-01 00:00"), at("2026-01-01 03:00"), "all")
    assert due == [at(f"2026-01-01 0{hour}:00") for hour in range(4)]
    assert following == at("2026-01-01 04:00")


def test_a_long_pause_is_made_up_for_in_portions_that_leave_nothing_out():
    start, now, seen = at("2026-01-01 00:00"), at("2026-01-01 05:00"), []
    following: datetime | None = start
    while following and following <= now:
        due, following = due_moments("* * * * *", "UTC", following, now, "all")
        assert len(due) <= PORTION
        seen += due
    assert seen == [start + timedelta(minutes=n) for n in range(301)]


def test_missed_runs_are_left_out_but_for_one_of_this_minute():
    late = due_moments("0 * * * *", "UTC", at("2026-01-01 00:00"), at("2026-01-01 03:01"), "none")
    assert late == ([], at("2026-01-01 04:00"))
    fresh = due_moments(
        "0 * * * *", "UTC", at("2026-01-01 00:00"), at("2026-01-01 03:00") + timedelta(seconds=59), "none"
    )
    assert fresh == ([at("2026-01-01 03:00")], at("2026-01-01 04:00"))


def test_a_moment_set_by_hand_is_kept():
    due, following = due_moments("0 0 * * *", "UTC", at("2026-01-01 10:17"), at("2026-01-01 10:18"), "last")
    assert (due, following) == ([at("2026-01-01 10:17")], at("2026-01-02 00:00"))


def test_a_minutely_schedule_that_rested_for_years_is_no_work(monkeypatch):
    asked = []

    class Counting(timetables.CronSim):
        def __next__(self) -> datetime:
            asked.append(1)
            return super().__next__()

    monkeypatch.setattr(timetables, "CronSim", Counting)
    due, _ = due_moments("* * * * *", BERLIN, at("2001-01-01 00:00"), at("2026-01-01 00:00"), "last")
    assert due == [at("2026-01-01 00:00")]
    assert len(asked) < 10


def test_the_clock_of_the_wall_does_not_decide_in_the_hour_that_comes_twice():
    # 02:10 for the second time is later than 02:50 for the first time.
    now = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=ZoneInfo(BERLIN))
    assert now.astimezone(UTC) == at("2026-10-25 01:10")
    due, following = due_moments("50 * * * *", BERLIN, at("2026-10-25 00:50"), now, "last")
    assert due == [at("2026-10-25 00:50")]
    assert following == at("2026-10-25 01:50")


@settings(max_examples=150, deadline=None)
@given(
    cron=st.sampled_from(["* * * * *", "*/7 * * * *", "30 2 * * *", "0 */3 * * *", "15 1-3 * * 0", "*/20 2 25 10 *"]),
    zone=st.sampled_from(["UTC", BERLIN, "America/St_Johns", "Australia/Lord_Howe"]),
    start=st.datetimes(datetime(2026, 3, 27), datetime(2026, 3, 31))
    | st.datetimes(datetime(2026, 10, 23), datetime(2026, 10, 27)),
    pause=st.timedeltas(timedelta(0), timedelta(hours=40)),
    policy=st.sampled_from(["last", "all", "none"]),
)
def test_what_is_due_is_what_walking_forward_finds(cron, zone, start, pause, policy):
    begin = next(upcoming(cron, zone, start.replace(tzinfo=UTC)))
    now = begin + pause
    everything = [begin, *takewhile(lambda moment: moment <= now, upcoming(cron, zone, begin))]
    expected = {
        "all": everything[:PORTION],
        "last": everything[-1:],
        "none": [moment for moment in everything[-1:] if now - moment < timedelta(minutes=1)],
    }[policy]
    due, following = due_moments(cron, zone, begin, now, policy)
    assert due == expected
    after = due[-1] if policy == "all" else now
    assert following == next(upcoming(cron, zone, after))


@pytest.mark.parametrize(("line", "count"), [("*/10 * * * * * *", "7"), ("* * * *", "4")])
def test_a_cron_line_has_five_or_six_fields(line, count):
    with pytest.raises(InvalidJob) as refusal:
        upcoming(line, "UTC", at("2026-01-01 00:00"))
    (violation,) = refusal.value.violations
    assert violation.field == "cron"
    fields = "must have 5 fields (minute hour day month weekday), or 6 with seconds before them"
    assert violation.rule == f"{fields}; {line!r} has {count}"
