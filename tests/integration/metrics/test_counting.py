"""What is counted in the transaction of the change: waits, dead letters, late outcomes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aeon_jobs.middleware.dispatch import schedule_tick
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.metrics import counters as counting
from aeon_jobs.persistence.queue import dead_letters, dispatch, executions, states
from aeon_jobs.persistence.queue.states import Failure
from tests.harness import Harness
from tests.rows import add_job, counters, end, queue, rows, running_job, start

FAILURE = Failure("ValueError", "no", "", "f")


def counted(database: Database) -> counting.Counters:
    with database.connection() as connection:
        return counting.read(connection)


def waited(database: Database) -> float:
    """Seconds of the only wait that was counted."""
    histogram = counted(database).waits["default"]
    assert sum(histogram.buckets) == 1
    return histogram.sum_s


def an_hour_passes(database: Database) -> None:
    for column in ("created_at", "scheduled_at", "started_at", "ready_at", "lease_expires_at"):
        rows(database, f"UPDATE jobs SET {column} = {column} - interval '1 h'")


def test_a_job_waits_from_its_submission_to_its_claim(database):
    job_id = add_job(database)
    an_hour_passes(database)
    end(database, *start(database, job_id), states.completed(1))
    assert waited(database) == pytest.approx(3_600, abs=30)
    assert counted(database).waits["default"].buckets[-1] == 1


def test_a_delayed_job_waits_from_its_time_on(database):
    job_id = add_job(database, created_at="2026-01-01Z", scheduled_at="2026-01-02Z")
    rows(database, "UPDATE jobs SET scheduled_at = now() - interval '2 s', ready = true")
    end(database, *start(database, job_id), states.completed(1))
    assert waited(database) == pytest.approx(2, abs=1.9)


def test_a_job_waits_from_the_end_of_what_it_depends_on(database):
    first, second = add_job(database), add_job(database)
    rows(database, "INSERT INTO job_dependencies (job_id, depends_on_job_id) VALUES (:s, :f)", s=second, f=first)
    an_hour_passes(database)
    rows(database, "DELETE FROM job_dependencies")
    end(database, *start(database, second), states.completed(1))
    assert waited(database) < 30


def rescued(database: Database) -> None:
    running_job(database)
    an_hour_passes(database)
    with database.connection() as connection:
        executions.rescue(connection, max_deaths=3)


def requeued(database: Database) -> None:
    running = running_job(database)
    end(database, running, states.failed(FAILURE, retries_left=0, delay_ms=0))
    rows(database, "DELETE FROM job_counters")
    an_hour_passes(database)
    with database.connection() as connection:
        dead_letters.requeue(connection, running.id)


@pytest.mark.parametrize("comes_back", [rescued, requeued])
def test_a_job_that_comes_back_waits_from_then_on(database, comes_back: Callable[[Database], None]):
    comes_back(database)
    ((job_id,),) = rows(database, "SELECT id FROM jobs")
    end(database, *start(database, job_id), states.completed(1))
    assert waited(database) < 30


def test_a_dispatch_or_a_claim_that_is_undone_does_not_end_the_wait(database):
    job_id = add_job(database)
    an_hour_passes(database)
    with database.connection() as connection:
        dispatch.take_back(connection, queue(database, job_id))
        executions.unclaim(connection, start(database, job_id))
    end(database, *start(database, job_id), states.completed(1))
    assert waited(database) == pytest.approx(3_600, abs=30)


def test_a_wait_is_counted_once_however_many_attempts_a_job_has(database):
    running = running_job(database)
    end(database, running, states.failed(FAILURE, retries_left=1, delay_ms=0))
    assert counted(database).waits["default"].buckets == [0] * 15
    end(database, *start(database, running.id), states.completed(1))
    assert sum(counted(database).waits["default"].buckets) == 1


def test_dead_letters_are_counted_by_reason_and_only_those_that_were_made(database):
    end(database, running_job(database), states.failed(FAILURE, retries_left=0, delay_ms=0))
    end(database, running_job(database), states.failed(FAILURE, retries_left=9, delay_ms=0, hopeless="permanent"))
    end(database, running_job(database), states.failed(FAILURE, retries_left=0, delay_ms=0), dlq_enabled=False)
    running_job(database, "dead")
    with database.connection() as connection:
        executions.rescue(connection, dead_workers=["dead"], max_deaths=1)
    assert counters(database, "dead_lettered") == {
        ("note", "exhausted"): 1,
        ("note", "permanent"): 1,
        ("note", "poison"): 1,
    }


def test_an_outcome_that_comes_too_late_is_counted_once(database):
    running = running_job(database, "dead")
    with database.connection() as connection:
        executions.rescue(connection, dead_workers=["dead"], max_deaths=3)
    for _ in range(2):
        assert not end(database, running, states.completed(1))
    assert counted(database).superseded == {"note": 1}


def test_sums_of_the_version_before_are_kept(database):
    end(database, running_job(database), states.completed(1))
    rows(database, "UPDATE job_counters SET seconds = 2 WHERE metric = 'duration_bucket'")
    rows(database, "INSERT INTO job_counters VALUES ('duration_sum', 'note', '', 1, 40)")
    assert counted(database).durations["note"].sum_s == 42


def test_a_way_back_keeps_the_sums_for_the_version_before(database):
    end(database, running_job(database), states.completed(1))
    rows(database, "UPDATE job_counters SET seconds = 2 WHERE metric = 'duration_bucket'")
    migrate.down(database, 6)
    assert counters(database, "duration_sum") == {("note", ""): 2}
    migrate.up(database)
    assert counted(database).durations["note"].sum_s == 2


def test_the_tick_of_the_schedules_is_noted(harness: Harness) -> None:
    schedule_tick.declare(harness.broker)
    harness.broker.get_actor(schedule_tick.NAME)()
    noted = "SELECT name FROM job_background_tasks WHERE last_success_at IS NOT NULL"
    assert harness.execute(noted) == [("schedules",)]
