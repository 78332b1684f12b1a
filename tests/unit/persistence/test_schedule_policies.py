"""What happens to missed due times, and while an earlier run is not over: pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.schedules import policy
from aeon_jobs.persistence.schedules.policy import Live, Skip, Start, due, failures_in_a_row, jitter, overlapping
from aeon_jobs.persistence.schedules.timetable import parse

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUNS, WAITS, OTHER = (UUID(int=n) for n in (1, 2, 3))
RUNNING = Live(RUNS, "running", is_waiting=False, is_last=True)
HELD = Live(RUNS, "running", is_waiting=False, is_last=False)
WAITING = Live(WAITS, "pending", is_waiting=True, is_last=True)


def minutes(*counts: float) -> list[datetime]:
    return [NOON + timedelta(minutes=count) for count in counts]


OUTAGES = [
    # 3 hours away from a schedule of every 30 minutes: due at 0, 30, … 180; seen at 185.
    ("last", None, [180]),
    ("all", None, [0, 30, 60, 90, 120, 150, 180]),
    ("none", None, []),
    ("last", 300, [180]),
    ("last", 240, []),
    ("all", 3_600, [150, 180]),
    ("all", 2_100, [150, 180]),
    ("all", 10, []),
    ("none", 3_600, []),
]


@pytest.mark.parametrize(("catch_up", "window_s", "expected"), OUTAGES)
def test_an_outage_of_three_hours_is_caught_up_with_as_policy_and_window_say(catch_up, window_s, expected):
    window = None if window_s is None else timedelta(seconds=window_s)
    found = due(parse("*/30 * * * *", "UTC"), NOON, *minutes(185), catch_up, window)
    assert (found.moments, found.following) == (minutes(*expected), *minutes(210))
    assert found.missed == (None if expected[:1] == [0] else NOON)


@pytest.mark.parametrize("catch_up", policy.CATCH_UPS)
def test_what_is_on_time_runs_whatever_the_policy_even_if_it_is_several(catch_up):
    found = due(parse("every 10s", "UTC"), NOON, NOON + timedelta(seconds=25), catch_up, timedelta(seconds=10))
    assert found.moments == [NOON, NOON + timedelta(seconds=10), NOON + timedelta(seconds=20)]
    assert (found.following, found.missed) == (NOON + timedelta(seconds=30), None)


def test_a_run_waits_for_no_other_when_there_is_none_or_when_all_are_allowed():
    for overlap in policy.OVERLAPS:
        assert overlapping(overlap, []) == Start()
    assert overlapping("allow_all", [RUNNING]) == Start()


def test_skip_skips_while_a_run_is_not_over():
    assert overlapping("skip", [RUNNING]) == Skip(f"job {RUNS} of an earlier run is running")


def test_buffer_one_lets_one_run_wait():
    assert overlapping("buffer_one", [RUNNING]) == Start(after=(RUNS,))
    assert overlapping("buffer_one", [HELD, WAITING]) == Skip(f"job {WAITS} of an earlier run waits already")


def test_buffer_all_makes_a_chain():
    assert overlapping("buffer_all", [RUNNING]) == Start(after=(RUNS,))
    assert overlapping("buffer_all", [HELD, WAITING]) == Start(after=(WAITS,))


def test_cancel_other_cancels_all_and_starts_when_they_are_over():
    assert overlapping("cancel_other", [HELD, WAITING]) == Start(after=(WAITS,), cancels=(RUNS, WAITS))


@given(st.uuids(), st.datetimes(timezones=st.just(UTC)), st.integers(0, 86_400_000), st.integers(1, 7_200))
def test_jitter_is_bounded_by_its_most_and_by_the_next_run_and_always_the_same(schedule_id, moment, most_ms, next_s):
    following = min(moment, datetime(9000, 1, 1, tzinfo=UTC)) + timedelta(seconds=next_s)
    moment = following - timedelta(seconds=next_s)
    found = jitter(schedule_id, moment, most_ms, following)
    assert timedelta() <= found <= min(timedelta(milliseconds=most_ms), following - moment)
    assert most_ms == 0 or moment + found < following
    assert found == jitter(schedule_id, moment, most_ms, following)


def test_jitter_spreads():
    found = {jitter(UUID(int=n), NOON, 60_000, None) for n in range(100)}
    assert len(found) == 100
    assert max(found) - min(found) > timedelta(seconds=40)


@pytest.mark.parametrize(
    ("ends", "count"),
    [
        ([], 0),
        (["failed", "failed", "completed", "failed"], 2),
        (["completed", "failed"], 0),
        (["cancelled", "failed", "deleted", "failed"], 2),
    ],
)
def test_failures_count_since_the_last_success(ends, count):
    assert failures_in_a_row(ends) == count


REFUSED = [
    ("cron", "every 0s", None),
    ("cron", "every day", None),
    ("cron", "every 500d", None),
    ("cron", "every 5m offset 5m", None),
    ("cron", "*/90 * * * * *", None),
    ("cron", "\n \n", None),
    ("cron", "* * * * *\nnonsense", None),
    ("cron", "\n".join(["* * * * *"] * 51), None),
    ("exclude", "* * * * *", "2026-02-30"),
    ("exclude", "* * * * *", "2026-02-03..2026-02-01"),
    ("exclude", "* * * * *", "christmas"),
    ("exclude", "* * * * *", "0 * * * * *"),
]


@pytest.mark.parametrize(("field", "cron", "exclude"), REFUSED)
def test_a_rule_that_cannot_be_honoured_is_refused_by_name(field, cron, exclude):
    with pytest.raises(InvalidJob) as refusal:
        parse(cron, "UTC", exclude)
    assert [violation.field for violation in refusal.value.violations] == [field]
