"""Schedules: due moments become jobs, each once, whoever ticks and whatever is broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import InvalidJob, NameTaken
from aeon_jobs.persistence.core.models import JobType
from aeon_jobs.persistence.reads.explain import explain
from aeon_jobs.persistence.schedules import backfill, repository, runs
from aeon_jobs.persistence.schedules import tick as ticks
from aeon_jobs.persistence.schedules.definitions import NewSchedule
from tests.races import at_once, rival
from tests.rows import NOTE, register, rows, value

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _registered(database: Database, environment: object) -> None:
    register(database)


def create(database: Database, name: str = "s", cron: str = "0 * * * *", now: datetime = NOON, **fields: object):
    with database.transaction() as connection:
        return repository.create(
            connection, NewSchedule(**{"name": name, "job_type": "note", "cron": cron, **fields}), now
        )


def tick(database: Database, now: datetime) -> list[object]:
    return ticks.tick(database, now).submitted


def schedule(database: Database, name: str = "s"):
    (found,) = rows(database, "SELECT * FROM job_schedules WHERE name = :name", name=name)
    return found


def moments(database: Database) -> list[datetime]:
    return [row.schedule_run_at for row in rows(database, "SELECT schedule_run_at FROM jobs ORDER BY seq")]


def hours(count: float) -> datetime:
    return NOON + timedelta(hours=count)


def test_a_schedule_is_first_due_at_its_next_moment(database):
    create(database, timezone="Asia/Kolkata", cron="0 9 * * *")
    assert schedule(database).next_run_at == datetime(2026, 7, 2, 3, 30, tzinfo=UTC)
    assert tick(database, hours(1)) == []


def test_a_schedule_without_numbers_of_its_own_has_those_of_its_job_type_when_the_job_is_made(database):
    create(database, job_type="note")
    own = JobType(**{**NOTE.model_dump(), "priority": 70, "max_retries": 9, "timeout_ms": 2_000})
    register(database, own)
    tick(database, hours(1))
    with database.transaction() as connection:
        runs.run_now(connection, runs.locked(connection, schedule(database).id), hours(1.5), by="me")
    stored = rows(database, "SELECT priority, max_retries, timeout_ms FROM jobs")
    assert stored == [(70, 9, 2_000)] * 2


def test_a_due_moment_becomes_a_job_as_the_schedule_describes_it(database):
    schedule_id = create(database, payload={"text": "hi"}, priority=7, max_retries=1, timeout_ms=9_000)
    rows(database, """UPDATE job_schedules SET metadata = '{"team": "x"}'""")
    (job_id,) = tick(database, hours(1))
    (stored,) = rows(database, "SELECT * FROM jobs")
    assert (stored.id, stored.status, stored.job_type, stored.payload) == (job_id, "pending", "note", {"text": "hi"})
    assert (stored.priority, stored.max_retries, stored.timeout_ms) == (7, 1, 9_000)
    assert (stored.metadata, stored.created_by) == ({"team": "x", "schedule": "s"}, "schedule:s")
    assert (stored.schedule_id, stored.schedule_run_at) == (schedule_id, hours(1))
    after = schedule(database)
    assert (after.next_run_at, after.last_run_at, after.last_error) == (hours(2), hours(1), None)


def test_a_moment_is_run_once_however_often_somebody_ticks(database):
    create(database)
    assert len(tick(database, hours(1.2))) == 1
    assert tick(database, hours(1.3)) == []
    assert tick(database, hours(0.5)) == []  # a clock that went back


def test_a_moment_that_had_its_job_already_is_no_error_and_no_second_job(database):
    """Somebody set next_run_at back, or a clock was wrong."""
    create(database)
    (first,) = tick(database, hours(1))
    rows(database, "UPDATE job_schedules SET next_run_at = :at", at=hours(1))
    assert tick(database, hours(1)) == []
    # Nor where the history was deleted: the job is there.
    rows(database, "DELETE FROM job_schedule_runs")
    rows(database, "UPDATE job_schedules SET next_run_at = :at", at=hours(1))
    assert tick(database, hours(1)) == [first]
    assert value(database, "SELECT count(*) FROM jobs") == 1
    assert schedule(database).last_error is None
    assert schedule(database).next_run_at == hours(2)


@pytest.mark.parametrize(("policy", "expected"), [("last", [5]), ("all", [1, 2, 3, 4, 5]), ("none", [])])
def test_missed_moments_are_caught_up_with_by_policy(database, policy, expected):
    create(database, catch_up=policy)
    assert len(tick(database, hours(5.5))) == len(expected)
    assert moments(database) == [hours(count) for count in expected]
    assert schedule(database).next_run_at == hours(6)


def test_disabled_schedules_rest(database):
    create(database, enabled=False)
    assert tick(database, hours(5)) == []


def test_two_tickers_at_once_run_each_moment_once(database):
    for name in "abc":
        create(database, name)
    with database.transaction() as connection:
        rows(connection, "SELECT * FROM job_schedules WHERE name < 'c' FOR UPDATE")
        with rival(database, lambda _: tick(database, hours(1))) as second:
            assert len(second.answer()) == 1
    assert len(tick(database, hours(1))) == 2
    assert tick(database, hours(1)) == []


def test_a_run_that_cannot_be_stored_leaves_nothing_and_its_error(database):
    create(database)
    rows(database, "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no disk''; END'")
    rows(
        database,
        "CREATE TRIGGER fail BEFORE UPDATE ON job_schedules FOR EACH ROW WHEN (NEW.last_run_at IS NOT NULL)"
        " EXECUTE FUNCTION fail()",
    )
    assert tick(database, hours(1)) == []
    assert schedule(database).last_error == "no disk"
    assert value(database, "SELECT count(*) FROM job_schedule_runs") == 0
    rows(database, "DROP FUNCTION fail CASCADE")
    rows(database, "UPDATE job_schedules SET next_run_at = :at", at=hours(1))
    assert len(tick(database, hours(1))) == 1


def test_many_schedulers_run_each_due_time_once(database):
    for n in range(6):
        create(database, f"s{n}", catch_up="all")
    at_once(database, [lambda _: tick(database, hours(3))] * 4)
    assert value(database, "SELECT count(*) FROM jobs") == 18
    assert value(database, "SELECT count(DISTINCT (schedule_id, schedule_run_at)) FROM jobs") == 18


BROKEN = {
    "cron": ("UPDATE job_schedules SET cron = 'every day' WHERE name = 'bad'", "cron: "),
    "timezone": ("UPDATE job_schedules SET timezone = 'Mars/Base' WHERE name = 'bad'", "timezone: "),
    "job_type": ("UPDATE job_schedules SET job_type = 'gone' WHERE name = 'bad'", "job_type: 'gone'"),
    "payload": ("""UPDATE job_schedules SET payload = '{"text": 7}' WHERE name = 'bad'""", "payload.text: "),
    "max_retries": ("UPDATE job_schedules SET max_retries = 99 WHERE name = 'bad'", "max_retries: "),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_schedule_keeps_its_error_and_stops_no_other(database, what):
    change, error = BROKEN[what]
    for name in ("a", "bad", "z"):
        create(database, name)
    rows(database, change)
    # The broken one comes first.
    rows(database, "UPDATE job_schedules SET next_run_at = :at WHERE name = 'bad'", at=hours(0.5))
    assert len(tick(database, hours(1))) == 2
    broken = schedule(database, "bad")
    assert broken.last_error.startswith(error)
    # It is tried again at its next moment; without a usable cron line it rests until somebody mends it.
    assert broken.next_run_at == (None if what in ("cron", "timezone") else hours(2))
    assert schedule(database, "a").last_error is None
    assert tick(database, hours(1)) == []


def test_an_error_is_forgotten_when_the_schedule_runs_again(database):
    create(database)
    rows(database, "UPDATE job_schedules SET job_type = 'gone'")
    assert tick(database, hours(1)) == []
    rows(database, "UPDATE job_schedules SET job_type = 'note'")
    assert len(tick(database, hours(2))) == 1
    assert schedule(database).last_error is None


REFUSED = [
    ("cron", {"cron": "every day"}),
    ("cron", {"cron": "0 0 30 2 *"}),
    ("cron", {"cron": "0 0 1,2,3 * * " + "," * 300}),
    ("timezone", {"timezone": "Mars/Base"}),
    ("name", {"name": ""}),
    ("name", {"name": "n" * 101}),
    ("name", {"name": "a\0b"}),
    ("job_type", {"job_type": "nobody"}),
    ("payload.text", {"payload": {"text": 7}}),
    ("payload.text", {"payload": {"text": "\0"}}),
    ("priority", {"priority": 101}),
    ("max_retries", {"max_retries": 11}),
    ("timeout_ms", {"timeout_ms": 0}),
    ("catch_up", {"catch_up": "some"}),
]


def test_a_schedule_that_could_not_run_is_refused_by_field_and_not_stored(database):
    for field, fields in REFUSED:
        with pytest.raises(InvalidJob) as refusal:
            create(database, **fields)
        assert [violation.field for violation in refusal.value.violations] == [field], fields
    assert value(database, "SELECT count(*) FROM job_schedules") == 0


def test_a_name_is_taken_once(database):
    create(database)
    with pytest.raises(NameTaken, match="a schedule named 's' exists already"):
        create(database)
    other = create(database, "other")
    with pytest.raises(NameTaken, match="'s' exists"), database.transaction() as connection:
        repository.change(connection, other, {"name": "s"}, NOON)


def test_a_change_is_held_against_the_rules_of_a_new_one(database):
    schedule_id = create(database)
    for field, changes in (("name", {"name": "x" * 101}), ("priority", {"priority": 101}), ("cron", {"cron": "x"})):
        with pytest.raises(InvalidJob) as refusal, database.transaction() as connection:
            repository.change(connection, schedule_id, changes, NOON)
        assert [violation.field for violation in refusal.value.violations] == [field]


def test_a_schedule_that_cannot_be_run_any_more_can_be_switched_off(database):
    schedule_id = create(database)
    rows(database, "DELETE FROM job_types")
    with database.transaction() as connection:
        assert not repository.change(connection, schedule_id, {"enabled": False}, NOON).enabled
    with pytest.raises(InvalidJob), database.transaction() as connection:
        repository.change(connection, schedule_id, {"enabled": True}, NOON)


def test_deleting_a_schedule_leaves_its_jobs(database):
    create(database)
    tick(database, hours(1))
    rows(database, "DELETE FROM job_schedules")
    (stored,) = rows(database, "SELECT * FROM jobs")
    assert (stored.schedule_id, stored.schedule_run_at) == (None, hours(1))


# --- overlap, limits, backfill ------------------------------------------------------------------


def outcomes(database: Database) -> list[tuple[str, str]]:
    return [tuple(row) for row in rows(database, "SELECT origin, outcome FROM job_schedule_runs ORDER BY due_at")]


def finish(database: Database, status: str, count: int = 100) -> None:
    """End jobs of schedules, the first submitted first."""
    sql = (
        "UPDATE jobs SET status = CAST(:status AS job_status), completed_at = now() WHERE id IN"
        " (SELECT id FROM jobs WHERE status = 'pending' AND blocked_by = 0 ORDER BY seq LIMIT :count)"
    )
    rows(database, sql, status=status, count=count)


def waiting(database: Database) -> list[tuple[str, int]]:
    return [tuple(row) for row in rows(database, "SELECT status::text, blocked_by FROM jobs ORDER BY seq")]


OVERLAPS = {
    "skip": ([("pending", 0)], ["submitted", "skipped", "skipped"]),
    "buffer_one": ([("pending", 0), ("pending", 1)], ["submitted", "submitted", "skipped"]),
    "buffer_all": ([("pending", 0), ("pending", 1), ("pending", 1)], ["submitted"] * 3),
    "cancel_other": ([("cancelled", 0), ("cancelled", 0), ("pending", 0)], ["submitted"] * 3),
    "allow_all": ([("pending", 0)] * 3, ["submitted"] * 3),
}


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_what_becomes_of_a_run_while_an_earlier_one_is_not_over(database, overlap):
    jobs, decided = OVERLAPS[overlap]
    create(database, overlap=overlap)
    for count in (1, 2, 3):
        tick(database, hours(count))
    assert waiting(database) == jobs
    assert [outcome for _, outcome in outcomes(database)] == decided
    # When all of them are over, the next one starts at once.
    for _ in range(3):
        finish(database, "failed", 1)
    tick(database, hours(4))
    assert waiting(database)[-1] == ("pending", 0)
    assert outcomes(database)[-1] == ("due", "submitted")


def test_buffered_runs_start_one_after_another_however_the_one_before_ends(database):
    create(database, overlap="buffer_all")
    for count in (1, 2, 3):
        tick(database, hours(count))
    for status in ("failed", "cancelled", "completed"):
        assert waiting(database).count(("pending", 0)) == 1
        finish(database, status)
    assert value(database, "SELECT count(*) FROM jobs WHERE status = 'pending'") == 0


def test_explain_says_that_a_buffered_run_waits_for_an_earlier_one(database):
    create(database, overlap="buffer_one")
    tick(database, hours(1))
    (second,) = tick(database, hours(2))
    with database.connection() as connection:
        found = explain(connection, second, silence_ms=1_000)
    assert "waits for 1 job(s), earlier runs of schedule s" in found.summary


def test_all_missed_runs_are_made_up_for_one_after_another_by_default(database):
    create(database, catch_up="all")
    assert schedule(database).overlap == "buffer_all"
    tick(database, hours(3.5))
    assert waiting(database) == [("pending", 0), ("pending", 1), ("pending", 1)]
    assert outcomes(database) == [("catch_up", "submitted")] * 3


def test_what_was_missed_is_in_the_history(database):
    create(database, catch_up="all", catch_up_window_s=5_400)
    tick(database, hours(4.1))
    assert outcomes(database) == [("catch_up", "missed"), ("catch_up", "submitted"), ("catch_up", "submitted")]
    (missed, *_) = rows(database, "SELECT * FROM job_schedule_runs ORDER BY due_at")
    assert missed.reason == ("due times before 2026-07-01T15:00:00+00:00 were missed; catch_up is all, for 5400 s")


def test_a_schedule_ends_after_its_number_of_runs(database):
    create(database, max_runs=3, overlap="allow_all", catch_up="all")
    tick(database, hours(2))
    tick(database, hours(9))
    assert moments(database) == [hours(1), hours(2), hours(3)]
    assert (schedule(database).next_run_at, schedule(database).run_count) == (None, 3)
    with database.transaction() as connection:
        found = repository.change(connection, schedule(database).id, {"max_runs": None}, hours(9))
    assert found.next_run_at == hours(10)


def test_a_schedule_runs_from_its_start_to_its_end(database):
    create(database, start_at=hours(2), end_at=hours(3), overlap="allow_all", catch_up="all")
    assert schedule(database).next_run_at == hours(2)
    tick(database, hours(8))
    assert moments(database) == [hours(2), hours(3)]
    assert schedule(database).next_run_at is None


def test_a_schedule_pauses_itself_after_failures_and_counts_anew_when_it_is_resumed(database):
    create(database, max_failures=2)
    for count in (1, 2, 3):
        tick(database, hours(count))
        finish(database, "failed")
    assert len(moments(database)) == 2
    paused = schedule(database)
    assert (paused.enabled, paused.pause_note) == (False, "paused: the last 2 run(s) failed")
    with database.transaction() as connection:
        found = repository.change(connection, paused.id, {"enabled": True}, datetime.now(UTC))
    assert (found.enabled, found.pause_note) == (True, None)
    rows(database, "UPDATE job_schedules SET next_run_at = :at", at=hours(4))
    assert len(tick(database, hours(4))) == 1


def test_jitter_is_when_the_job_may_start_not_when_it_is_due(database):
    create(database, jitter_ms=60_000)
    tick(database, hours(1))
    (stored,) = rows(database, "SELECT * FROM jobs")
    assert stored.schedule_run_at == hours(1)
    assert hours(1) < stored.scheduled_at < hours(1) + timedelta(minutes=1)


def test_several_rules_and_seconds_and_intervals(database):
    create(database, cron="every 20m\n30 0 * * * *", overlap="allow_all", catch_up="all")
    tick(database, hours(1.01))
    # every 20 minutes; and 30 seconds after each hour
    assert moments(database) == [NOON + timedelta(seconds=s) for s in (30, 1_200, 2_400, 3_600, 3_630)]


def backfilled(database: Database, start: float, end: float, **options: object) -> backfill.Backfilled:
    with database.transaction() as connection:
        found = runs.locked(connection, schedule(database).id)
        return backfill.backfill(connection, found, hours(start), hours(end), hours(24), **options)


def test_a_second_backfill_changes_nothing_and_what_ran_does_not_run_again(database):
    create(database)
    tick(database, hours(2))
    for overlap, submitted in (("buffer_all", 3), ("skip", 1)):
        rows(database, "DELETE FROM jobs")
        rows(database, "DELETE FROM job_schedule_runs")
        tick(database, hours(2))
        rows(database, "UPDATE job_schedules SET next_run_at = :at", at=hours(2))
        assert len(tick(database, hours(2))) == 1
        finish(database, "completed")
        first = backfilled(database, 1, 4, overlap=overlap)
        assert (first.due_times, len(first.submitted), first.decided_before) == (4, submitted, 1)
        before = (
            rows(database, "SELECT * FROM jobs ORDER BY seq"),
            rows(database, "SELECT * FROM job_schedule_runs ORDER BY 2"),
        )
        second = backfilled(database, 1, 4, overlap=overlap)
        assert (second.due_times, second.submitted, second.skipped, second.decided_before) == (4, [], 0, 4)
        after = (
            rows(database, "SELECT * FROM jobs ORDER BY seq"),
            rows(database, "SELECT * FROM job_schedule_runs ORDER BY 2"),
        )
        assert after == before
        # Nor does the tick run what was backfilled.
        rows(database, "UPDATE job_schedules SET next_run_at = :at, catch_up = 'all'", at=hours(3))
        assert tick(database, hours(4)) == []


def test_a_backfill_makes_up_for_what_was_missed_and_skipped(database):
    create(database, catch_up="last")
    tick(database, hours(3.5))
    assert outcomes(database) == [("catch_up", "missed"), ("catch_up", "submitted")]
    assert len(backfilled(database, 1, 3).submitted) == 2
    assert [outcome for _, outcome in outcomes(database)] == ["submitted"] * 3


def test_a_backfill_of_the_future_or_of_too_much_is_refused(database):
    create(database, cron="* * * * *")
    for start, end, field in ((1, 25, "end"), (2, 1, "end"), (1, 23, "end")):
        with pytest.raises(InvalidJob) as refusal:
            backfilled(database, start, end)
        assert [violation.field for violation in refusal.value.violations] == [field]
    assert value(database, "SELECT count(*) FROM jobs") == 0


def test_a_tick_and_a_backfill_at_once_run_each_due_time_once(database):
    create(database, cron="* * * * *", catch_up="all", overlap="allow_all")
    at_once(database, [lambda _: tick(database, hours(1)), lambda _: backfilled(database, 0, 1, overlap="allow_all")])
    assert value(database, "SELECT count(*) FROM jobs") == 61
    assert value(database, "SELECT count(DISTINCT schedule_run_at) FROM jobs") == 61
