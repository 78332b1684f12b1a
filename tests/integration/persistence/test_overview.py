"""Statistics that go on where they stopped say the same as those that are counted anew."""

from __future__ import annotations

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.reads import overview
from tests.rows import add_job, register, rows


def attempt(database: Database, outcome: str, age: str) -> None:
    sql = (
        "INSERT INTO job_executions (job_id, attempt, outcome, started_at, finished_at)"
        " VALUES (:id, 1, :outcome, now() - CAST(:age AS interval) - interval '2 s', now() - CAST(:age AS interval))"
    )
    rows(database, sql, id=add_job(database), outcome=outcome, age=age)


def counted(database: Database, log: overview.ActivityLog) -> overview.Activity:
    with database.connection() as connection:
        log.go_on(connection)
    return log.summary()


def test_going_on_counts_what_is_new_and_nothing_twice(database: Database, environment: Settings) -> None:
    register(database)
    log = overview.ActivityLog()
    for outcome, age in [("completed", "0 s"), ("failed", "20 min"), ("completed", "90 min"), ("completed", "25 h")]:
        attempt(database, outcome, age)
    first = counted(database, log)
    assert (first.last_hour.attempts, first.last_24_hours.attempts) == (2, 3)
    assert first.last_24_hours.mean_duration_s == 2

    attempt(database, "retried", "0 s")
    # Its transaction took its time to commit.
    attempt(database, "completed", "3 min")
    again = counted(database, log)
    assert (again.last_hour.attempts, again.last_hour.failed, again.last_24_hours.attempts) == (4, 2, 5)
    assert again == counted(database, log) == counted(database, overview.ActivityLog())
