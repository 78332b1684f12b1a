"""Schedules: due moments become jobs, each once, whoever ticks and whatever is broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import InvalidJob, NameTaken
from aeon_jobs.persistence.core.models import JobType
from aeon_jobs.persistence.queue import schedules, timetable
from aeon_jobs.persistence.queue.schedules import NewSchedule
from tests.races import at_once, rival
from tests.reused_database import database_url, reused_database  # noqa: F401
from tests.rows import NOTE, register, rows, value

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _registered(database: Database, environment: object) -> None:
    register(database)


def create(database: Database, name: str = "s", cron: str = "0 * * * *", now: datetime = NOON, **fields: object):
    with database.transaction() as connection:
        return schedules.create(
            connection, NewSchedule(**{"name": name, "job_type": "note", "cron": cron, **fields}), now
        )


def tick(database: Database, now: datetime) -> list[object]:
    with database.transaction() as connection:
        return schedules.tick(connection, now)


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
        timetable.run_now(connection, schedule(database).id, by="me")
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
        first = schedules.tick(connection, hours(1))
        with rival(database, lambda other: schedules.tick(other, hours(1))) as second:
            assert second.answer() == []
    assert len(first) == 3
    assert tick(database, hours(1)) == []


def test_a_tick_that_is_rolled_back_is_made_up_for_by_the_next(database):
    create(database)
    with database.transaction() as connection:
        schedules.tick(connection, hours(1))
        connection.rollback()
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
        timetable.change(connection, other, {"name": "s"}, NOON)


def test_a_change_is_held_against_the_rules_of_a_new_one(database):
    schedule_id = create(database)
    for field, changes in (("name", {"name": "x" * 101}), ("priority", {"priority": 101}), ("cron", {"cron": "x"})):
        with pytest.raises(InvalidJob) as refusal, database.transaction() as connection:
            timetable.change(connection, schedule_id, changes, NOON)
        assert [violation.field for violation in refusal.value.violations] == [field]


def test_a_schedule_that_cannot_be_run_any_more_can_be_switched_off(database):
    schedule_id = create(database)
    rows(database, "DELETE FROM job_types")
    with database.transaction() as connection:
        assert not timetable.change(connection, schedule_id, {"enabled": False}, NOON).enabled
    with pytest.raises(InvalidJob), database.transaction() as connection:
        timetable.change(connection, schedule_id, {"enabled": True}, NOON)


def test_deleting_a_schedule_leaves_its_jobs(database):
    create(database)
    tick(database, hours(1))
    rows(database, "DELETE FROM job_schedules")
    (stored,) = rows(database, "SELECT * FROM jobs")
    assert (stored.schedule_id, stored.schedule_run_at) == (None, hours(1))
