"""Jobs whose worker died or fell silent: given back, counted, and in the end called poison."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import executions, jobs, states
from tests.races import rival
from tests.rows import add_job, counters, dead_letters_of, end, job, outcomes, rows, running_job, start


def rescue(database: Database, *dead: str, max_deaths: int = 3):
    with database.connection() as connection:
        return executions.rescue(connection, dead_workers=dead, max_deaths=max_deaths)


def expire(database: Database) -> None:
    rows(database, "UPDATE jobs SET lease_expires_at = now() - interval '1 ms' WHERE status = 'running'")


def test_a_job_whose_lease_ended_is_pending_again(database):
    running = running_job(database)
    expire(database)
    (rescued,) = rescue(database)
    assert (rescued.id, rescued.attempt, rescued.worker_id, rescued.status) == (running.id, 1, "w1", "pending")
    stored = job(database, running.id)
    assert (stored.status, stored.ready, stored.worker_deaths, stored.retry_count) == ("pending", True, 1, 0)
    assert stored.error_message == "lease of w1 ended"
    assert stored.lease_expires_at is None
    (execution,) = rows(database, "SELECT * FROM job_executions")
    assert (execution.attempt, execution.outcome, execution.error_type) == (1, "lost", "WorkerLost")
    assert (execution.worker_id, execution.started_at) == ("w1", running.started_at)
    assert counters(database, "processed") == {("note", "lost"): 1}
    assert counters(database, "failed") == {("note", "WorkerLost"): 1}


def test_the_jobs_of_a_dead_worker_are_free_at_once_and_those_of_the_living_stay(database):
    dead, living = running_job(database, "dead"), running_job(database, "living")
    assert [rescued.id for rescued in rescue(database, "dead", "another")] == [dead.id]
    assert job(database, dead.id).error_message == "worker dead died"
    assert job(database, living.id).status == "running"


def test_a_job_that_is_not_running_is_not_rescued(database):
    done = running_job(database)
    end(database, done, states.completed(1))
    add_job(database)
    assert rescue(database, "w1") == []


def test_rescuing_twice_does_nothing_the_second_time(database):
    running_job(database)
    assert len(rescue(database, "w1")) == 1
    assert rescue(database, "w1") == []


def test_a_rescued_job_gets_a_new_number_and_a_new_attempt(database):
    running = running_job(database)
    rescue(database, "w1")
    (again,) = start(database, running.id, worker_id="w2")
    assert (again.dispatch_seq, again.attempt) == (2, 2)


def test_a_job_that_took_too_many_workers_down_is_dead_lettered_as_poison(database):
    job_id = add_job(database, payload='{"n": 1}', max_retries=0)
    for deaths in (1, 2, 3):
        rows(database, "UPDATE jobs SET scheduled_at = NULL")
        (claimed,) = start(database, job_id, worker_id=f"w{deaths}")
        rescue(database, f"w{deaths}", max_deaths=3)
        assert job(database, job_id).worker_deaths == deaths
        assert job(database, job_id).status == ("failed" if deaths == 3 else "pending")
    assert job(database, job_id).completed_at is not None
    (dead_letter,) = dead_letters_of(database, job_id)
    assert (dead_letter.reason, dead_letter.error_type, dead_letter.attempts, dead_letter.payload) == (
        "poison",
        "WorkerLost",
        3,
        {"n": 1},
    )
    assert dead_letter.error_message == "3 workers died while they ran this job; the last: worker w3 died"
    assert dead_letter.fingerprint
    assert outcomes(database, job_id) == [(1, "lost"), (2, "lost"), (3, "lost")]
    assert claimed.attempt == 3


def test_jobs_that_were_beside_a_deadly_one_are_not_claimed_with_it_again(database):
    ids = [add_job(database) for _ in range(3)]
    start(database, *ids)
    rescue(database, "w1", max_deaths=5)
    # After one death nothing waits: most workers die of a deploy, or of their machine.
    assert all(job(database, id_).scheduled_at is None for id_ in ids)
    start(database, *ids)
    rescue(database, "w1", max_deaths=5)
    waits = rows(database, "SELECT scheduled_at - now() AS wait FROM jobs")
    assert len({row.wait for row in waits}) == 3
    assert all(timedelta(seconds=-1) < row.wait < timedelta(seconds=5) for row in waits)


def test_a_lost_job_that_somebody_cancelled_is_cancelled(database):
    running = running_job(database)
    with database.connection() as connection:
        jobs.cancel(connection, running.id, "enough")
    (rescued,) = rescue(database, "w1", max_deaths=1)
    assert rescued.status == "cancelled"
    stored = job(database, running.id)
    assert (stored.status, stored.cancel_reason, stored.completed_at is None) == ("cancelled", "enough", False)
    assert dead_letters_of(database, running.id) == []


def test_two_that_rescue_at_once_share_the_jobs_out_without_waiting(database):
    start(database, *(add_job(database) for _ in range(5)))
    expire(database)
    with database.transaction() as connection:
        first = executions.rescue(connection, max_deaths=3)
        with rival(database, lambda other: executions.rescue(other, max_deaths=3)) as second:
            assert second.answer() == []
    assert len(first) == 5
    assert counters(database, "processed") == {("note", "lost"): 5}


def test_a_rescue_that_is_rolled_back_leaves_the_jobs_to_the_next(database):
    running = running_job(database)
    with database.transaction() as connection:
        executions.rescue(connection, dead_workers=["w1"], max_deaths=3)
        connection.rollback()
    assert job(database, running.id).worker_deaths == 0
    assert len(rescue(database, "w1")) == 1
    assert outcomes(database, running.id) == [(1, "lost")]


@pytest.mark.parametrize("dead", [(), ("w1",)])
def test_a_poisonous_or_cancelled_parent_is_the_end_for_whoever_depends_on_it(database, dead):
    running = running_job(database)
    child = add_job(database)
    sql = "INSERT INTO job_dependencies (job_id, depends_on_job_id, on_failure) VALUES (:c, :p, 'cancel')"
    rows(database, sql, c=child, p=running.id)
    expire(database)
    rescue(database, *dead, max_deaths=1)
    assert job(database, child).status == "cancelled"
    assert job(database, child).cancel_reason == f"job {running.id}, which it depends on, is failed"
