"""What ended long ago moves to the archive, whole, and comes back whole."""

from __future__ import annotations

import inspect
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from aeon_jobs.persistence.archive import partitions
from aeon_jobs.persistence.archive.moving import ArchivePass, Moved, due_days
from aeon_jobs.persistence.archive.retention import Retention
from aeon_jobs.persistence.archive.returning import bring_back
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import dead_letters, jobs
from aeon_jobs.persistence.queue.states import Failure, completed, failed
from aeon_jobs.persistence.queue.submissions import NewJob
from tests.rows import add_job, counters, end, job, outcomes, register, rows, running_job, value


def ended_job(database: Database, *, days_ago: float = 40, **columns: Any) -> UUID:
    """A job that completed so long ago, with one attempt."""
    claimed = running_job(database, **columns)
    end(database, claimed, completed({"n": None}))
    return aged(database, claimed.id, days_ago)


def dead_job(database: Database, *, days_ago: float = 40) -> UUID:
    """A job that failed so long ago, with an open dead letter."""
    claimed = running_job(database)
    end(database, claimed, failed(Failure("Boom", "it broke", "Traceback …"), retries_left=0, delay_ms=0))
    rows(database, "UPDATE dead_letter_jobs SET created_at = now() - :days * interval '1 day'", days=days_ago)
    return aged(database, claimed.id, days_ago)


def aged(database: Database, job_id: UUID, days_ago: float) -> UUID:
    rows(
        database,
        "UPDATE jobs SET completed_at = now() - :days * interval '1 day', created_at = now() - :days * interval '1 day'"
        " WHERE id = :id",
        id=job_id,
        days=days_ago,
    )
    return job_id


def archive(database: Database, retention: Retention | None = None) -> Moved:
    """One whole pass."""
    with database.connection() as connection:
        return ArchivePass(retention or Retention()).go_on(connection, 60)


def where_is(database: Database, *job_ids: UUID) -> list[str]:
    def place(job_id: UUID) -> str:
        live = value(database, "SELECT count(*) FROM jobs WHERE id = :id", id=job_id)
        kept = value(database, "SELECT count(*) FROM job_archive WHERE id = :id", id=job_id)
        return {(1, 0): "jobs", (0, 1): "archive"}.get((live, kept), f"{live} {kept}")

    return [place(job_id) for job_id in job_ids]


def whole(database: Database, job_id: UUID) -> dict[str, Any]:
    """The job and everything that hangs on it, as rows."""
    return {
        "job": dict(job(database, job_id)._mapping),
        "executions": [tuple(r) for r in rows(database, "SELECT * FROM job_executions WHERE job_id = :id", id=job_id)],
        "dependencies": [
            tuple(r)[:-1] for r in rows(database, "SELECT * FROM job_dependencies WHERE job_id = :id", id=job_id)
        ],
        "dead_letters": [
            tuple(r) for r in rows(database, "SELECT * FROM dead_letter_jobs WHERE job_id = :id", id=job_id)
        ],
    }


def test_a_job_older_than_its_days_moves_with_its_history_and_comes_back_as_it_was(database):
    register(database)
    old = ended_job(database, payload='{"text": "x", "n": null}', metadata='{"order": {"n": null}}')
    young, waiting = ended_job(database, days_ago=20), add_job(database)
    rows(database, "UPDATE jobs SET checkpoint = '{\"page\": null}' WHERE id = :id", id=old)  # a column of `rest`
    before = whole(database, old)
    assert archive(database) == Moved(jobs=1, is_done=True)
    assert where_is(database, old, young, waiting) == ["archive", "jobs", "jobs"]
    assert value(database, "SELECT count(*) FROM job_executions WHERE job_id = :id", id=old) == 0
    with database.connection() as connection:
        assert bring_back(connection, [old]) == [old]
    assert whole(database, old) == before
    assert where_is(database, old) == ["jobs"]


def test_the_days_of_a_job_type_come_first_and_0_days_are_for_ever(database):
    register(database)
    notes, others = ended_job(database, days_ago=5), ended_job(database, days_ago=400, job_type="other")
    archive(database, Retention(jobs=0, by_type={"note": 3}))
    assert where_is(database, notes, others) == ["archive", "jobs"]
    archive(database, Retention(jobs=1, by_type={"other": 0}))
    assert where_is(database, others) == ["jobs"]


def test_an_open_dead_letter_keeps_its_job_and_a_resolved_one_goes_with_it(database):
    register(database)
    dead = dead_job(database)
    archive(database)
    assert where_is(database, dead) == ["jobs"]
    with database.connection() as connection:
        dead_letters.discard(connection, dead, by="me")
    archive(database)
    assert where_is(database, dead) == ["jobs"]  # resolved just now
    rows(database, "UPDATE dead_letter_jobs SET resolved_at = now() - interval '31 days'")
    before = whole(database, dead)
    # The dead letter first, by its own days; then the job.
    assert archive(database) == Moved(jobs=1, dead_letters=1, is_done=True)
    assert value(database, "SELECT count(*) FROM job_dead_letter_archive WHERE job_id = :id", id=dead) == 1
    with database.connection() as connection:
        bring_back(connection, [dead])
    after = whole(database, dead)
    assert {**after, "dead_letters": None} == {**before, "dead_letters": None}
    assert [row[:-1] for row in after["dead_letters"]] == [row[:-1] for row in before["dead_letters"]]


def test_an_idempotency_key_keeps_its_job_while_it_is_valid(database):
    register(database)
    with database.transaction() as connection:
        new = NewJob(job_type="note", idempotency_key="k", idempotency_window_s=3_600)
        submitted = jobs.submit(connection, new)
    rows(database, "UPDATE jobs SET status = 'completed'")
    aged(database, submitted.id, 40)
    archive(database)
    assert where_is(database, submitted.id) == ["jobs"]
    rows(database, "UPDATE jobs SET idempotency_expires_at = now()")
    archive(database)
    assert where_is(database, submitted.id) == ["archive"]
    with database.transaction() as connection:
        assert jobs.submit(connection, NewJob(job_type="note", idempotency_key="k")).is_new
    with database.connection() as connection:
        bring_back(connection, [submitted.id])  # without the key: it is the new job's
    assert job(database, submitted.id).idempotency_key is None


def test_an_unfinished_workflow_keeps_its_jobs_and_its_counts_stay_when_they_go_and_come_back(database):
    register(database)
    rows(database, "INSERT INTO workflows (name) VALUES ('w')")
    workflow = value(database, "SELECT id FROM workflows")
    step = ended_job(database, workflow_id=workflow)
    counts = rows(database, "SELECT * FROM workflow_changes")
    archive(database)
    assert where_is(database, step) == ["jobs"]
    rows(database, "UPDATE workflows SET finished_at = now()")
    archive(database)
    assert where_is(database, step) == ["archive"]
    with database.connection() as connection:
        bring_back(connection, [step])
    assert where_is(database, step) == ["jobs"]
    assert rows(database, "SELECT * FROM workflow_changes") == counts


def chain(database: Database, length: int) -> list[UUID]:
    """Jobs that wait each for the one before; all completed, a second after each other, 40 days ago."""
    found = [add_job(database)]
    for _ in range(length - 1):
        child = add_job(database)
        sql = "INSERT INTO job_dependencies (job_id, depends_on_job_id) VALUES (:child, :parent)"
        rows(database, sql, child=child, parent=found[-1])
        found.append(child)
    for number, job_id in enumerate(found):
        rows(database, "UPDATE jobs SET status = 'completed' WHERE id = :id", id=job_id)
        aged(database, job_id, 40 - number / 86_400)
    return found


def test_a_job_that_another_one_depends_on_stays_until_that_one_goes(database):
    register(database)
    first, second, third = chain(database, 3)
    rows(database, "UPDATE jobs SET status = 'running', completed_at = NULL WHERE id = :id", id=third)
    archive(database)
    assert where_is(database, first, second, third) == ["jobs"] * 3
    rows(database, "UPDATE jobs SET status = 'completed' WHERE id = :id", id=third)
    aged(database, third, 39)
    before = whole(database, third)
    assert archive(database).jobs == 3  # in one pass: the last one comes first
    with database.connection() as connection:
        assert set(bring_back(connection, [third])) == {first, second, third}
    assert whole(database, third) == before


def test_a_long_chain_goes_in_one_pass_whatever_the_batches_are(database):
    register(database)
    found = chain(database, 25)
    with database.connection() as connection:
        walk = ArchivePass(Retention())
        walk._rows = 10
        moved = walk.go_on(connection, 0)
        while not moved.is_done:
            walk._rows = 10
            moved += walk.go_on(connection, 0)
    assert moved.jobs == 25
    assert where_is(database, *found) == ["archive"] * 25


def test_a_pass_may_take_any_number_of_calls(database):
    """Each moves the jobs of one type. The stack does not grow from call to call."""
    sql = (
        "INSERT INTO jobs (job_type, queue_name, status, completed_at)"
        " SELECT 'type' || n, 'default', 'completed', now() - interval '31 days' FROM generate_series(1, 250) n"
    )
    rows(database, sql)
    walk, limit = ArchivePass(Retention()), sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 150)
    try:
        with database.connection() as connection:
            moved = walk.go_on(connection, 0)
            while not moved.is_done:
                moved += walk.go_on(connection, 0)
    finally:
        sys.setrecursionlimit(limit)
    assert moved.jobs == 250


def test_a_row_that_somebody_holds_is_passed_over(database):
    register(database)
    held, free = ended_job(database), ended_job(database)
    with database.transaction() as connection:
        rows(connection, "SELECT FROM jobs WHERE id = :id FOR UPDATE", id=held)
        assert archive(database).jobs == 1
    assert where_is(database, held, free) == ["jobs", "archive"]


def test_many_jobs_that_ended_in_the_same_moment_all_move(database):
    register(database)
    rows(
        database,
        "INSERT INTO jobs (job_type, status, completed_at)"
        " SELECT 'note', 'cancelled', now() - interval '31 days' FROM generate_series(1, 1200)",
    )
    assert archive(database).jobs == 1200


def test_two_passes_at_once_move_each_job_once(database):
    register(database)
    rows(
        database,
        "INSERT INTO jobs (job_type, status, completed_at)"
        " SELECT 'note', 'completed', now() - interval '31 days' - n * interval '1 s' FROM generate_series(1, 3000) n",
    )
    with ThreadPoolExecutor(3) as pool:
        moved = sum((result.jobs for result in pool.map(lambda _: archive(database), range(3))), 0)
    assert moved == 3000
    assert value(database, "SELECT count(*) FROM job_archive") == 3000


def test_old_entries_of_the_audit_log_move_and_counters_stay_as_they_are(database):
    register(database)
    ended_job(database)
    sql = (
        "INSERT INTO job_audit_log (at, actor, action, subject_type, subject_id)"
        " VALUES (now() - :n * interval '1 day', 'me', 'x', 'job', CAST(:n AS integer)::text)"
    )
    for number in (50, 40, 10):
        rows(database, sql, n=number)
    counted = counters(database, "processed")
    assert archive(database) == Moved(jobs=1, audit_entries=2, is_done=True)
    assert counters(database, "processed") == counted
    assert [row.subject_id for row in rows(database, "SELECT subject_id FROM job_audit_archive ORDER BY id")] == [
        "50",
        "40",
    ]


def test_what_is_due_is_told_by_day_with_what_stays(database):
    register(database)
    for make in (ended_job, ended_job, dead_job):
        make(database, days_ago=40)
    with database.connection() as connection:
        (day,) = due_days(connection, Retention())
    assert (day.kind, day.due, day.kept) == ("jobs", 3, 1)


def test_archive_tables_have_every_column_of_the_tables_that_they_keep(database):
    def columns(table: str) -> set[str]:
        sql = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = :table"
        return {tuple(row) for row in rows(database, sql, table=table)}  # type: ignore[misc]

    assert columns("dead_letter_jobs") <= columns("job_dead_letter_archive")
    assert columns("job_audit_log") <= columns("job_audit_archive")


def test_months_are_made_ahead_and_dropped_when_their_days_are_over(database):
    register(database)
    old = ended_job(database)
    rows(database, "SELECT add_archive_partitions('2020-01-15', '2020-02-01')")
    archive(database)
    rows(database, "UPDATE job_archive SET archived_at = '2020-01-31 23:59:59+00'")
    with database.connection() as connection:
        assert partitions.add_ahead(connection) == 0
        assert "job_archive_2020_01" in {entry.name for entry in partitions.every(connection)}
        dropped = partitions.drop_old(connection, 365)
    assert [name for name in dropped if name.startswith("job_archive")] == [
        "job_archive_2020_01",
        "job_archive_2020_02",
    ]
    assert where_is(database, old) == ["0 0"]


def test_a_roll_back_of_the_migration_loses_nothing(database):
    register(database)
    plain, (first, second) = ended_job(database), chain(database, 2)
    dead = dead_job(database)
    with database.connection() as connection:
        dead_letters.discard(connection, dead)
    rows(database, "UPDATE dead_letter_jobs SET resolved_at = now() - interval '31 days'")
    rows(
        database,
        "INSERT INTO dead_letter_jobs (reason, created_at, resolved_at, resolution)"
        " VALUES ('corrupt', now() - interval '40 days', now() - interval '40 days', 'discarded')",
    )
    rows(
        database,
        "INSERT INTO job_audit_log (at, actor, action, subject_type, subject_id)"
        " VALUES (now() - interval '40 days', 'me', 'x', 'job', '1')",
    )
    before = {job_id: whole(database, job_id) for job_id in (plain, second)}
    assert archive(database) == Moved(jobs=4, dead_letters=2, audit_entries=1, is_done=True)
    migrate.down(database, 7)
    for job_id, of_job in before.items():
        after = whole(database, job_id)
        # Columns of later migrations are rolled back too.
        of_job["job"] = {name: found for name, found in of_job["job"].items() if name in after["job"]}
        assert after == of_job
    assert value(database, "SELECT count(*) FROM jobs WHERE id = ANY(:ids)", ids=[plain, first, second, dead]) == 4
    assert value(database, "SELECT count(*) FROM dead_letter_jobs") == 2
    assert value(database, "SELECT count(*) FROM job_audit_log") == 1
    migrate.up(database)


def test_a_failed_job_that_came_back_runs_again_under_its_old_attempts(database):
    register(database)
    dead = dead_job(database)
    with database.connection() as connection:
        dead_letters.discard(connection, dead)
    rows(database, "UPDATE dead_letter_jobs SET resolved_at = now() - interval '31 days'")
    archive(database)
    with database.transaction() as connection:
        bring_back(connection, [dead])
        dead_letters.requeue(connection, dead)
    assert job(database, dead).status == "pending"
    assert outcomes(database, dead) == [(1, "failed")]


def test_a_month_that_is_missing_keeps_the_jobs_where_they_are(database):
    register(database)
    old = ended_job(database)
    rows(
        database,
        "DO $$ BEGIN EXECUTE (SELECT string_agg(format('DROP TABLE %I', c.relname), ';') FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'job_archive'::regclass); END $$",
    )
    with pytest.raises(DBAPIError, match="no partition"):
        archive(database)
    assert where_is(database, old) == ["jobs"]
    with database.connection() as connection:
        assert partitions.add_ahead(connection) == 4
    assert archive(database).jobs == 1
