"""What holds in SQL alone, for somebody who has nothing but psql (SPEC, section 1)."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import DataError, IntegrityError

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.models import JobType
from tests.rows import NOTE, add_job, job, register, rows, value


def ready(database: Database, limit: int = 10) -> list[object]:
    return [row.id for row in rows(database, "SELECT * FROM get_ready_jobs(:limit)", limit=limit)]


def test_ready_jobs_come_in_priority_order_and_running_ones_do_not(database):
    names = {}
    for name, status, priority in [("b", "pending", 50), ("c", "running", 75), ("a", "pending", 100)]:
        names[add_job(database, job_type=name, status=status, priority=priority)] = name
    assert [names[job_id] for job_id in ready(database)] == ["a", "b"]


def test_a_child_of_a_completed_parent_is_ready(database):
    parent, child = add_job(database, status="completed"), add_job(database)
    rows(database, "INSERT INTO job_dependencies (job_id, depends_on_job_id) VALUES (:c, :p)", c=child, p=parent)
    assert ready(database) == [child]


def test_a_child_of_a_pending_parent_is_not_ready(database):
    parent, child = add_job(database), add_job(database)
    rows(database, "INSERT INTO job_dependencies (job_id, depends_on_job_id) VALUES (:c, :p)", c=child, p=parent)
    assert ready(database) == [parent]


def test_a_job_scheduled_for_later_is_not_ready(database):
    rows(database, "INSERT INTO jobs (job_type, scheduled_at) VALUES ('x', now() + interval '1 hour')")
    assert ready(database) == []


def test_a_job_that_came_due_is_ready_before_any_dispatcher_has_looked(database):
    late = add_job(database, priority=10)
    due = add_job(database, priority=90)
    # As if an hour had passed since it was scheduled.
    rows(database, "UPDATE jobs SET scheduled_at = now() + interval '1 hour' WHERE id = :id", id=due)
    rows(database, "ALTER TABLE jobs DISABLE TRIGGER USER")
    rows(database, "UPDATE jobs SET scheduled_at = now() - interval '1 s' WHERE id = :id", id=due)
    rows(database, "ALTER TABLE jobs ENABLE TRIGGER USER")
    assert not job(database, due).ready
    assert ready(database) == [due, late]


def test_ready_jobs_of_one_priority_come_in_the_order_of_submission_whatever_their_queue(database):
    ids = [add_job(database, queue_name=name) for name in ("b", "a", "c", "a", "b")]
    assert ready(database) == ids
    assert ready(database, 2) == ids[:2]
    assert ready(database, 0) == []


def test_a_cancelled_job_is_not_ready(database):
    add_job(database, status="cancelled")
    rows(database, "INSERT INTO jobs (job_type, cancel_requested_at) VALUES ('x', now())")
    assert ready(database) == []


def test_a_failed_job_below_its_limit_is_retried_later(database):
    failed = add_job(database, job_type="retry_job", status="failed", retry_count=2, max_retries=3)
    assert value(database, "SELECT retry_failed_jobs(1000)") == 1
    again = job(database, failed)
    assert (again.status, again.retry_count, again.completed_at) == ("pending", 3, None)
    wait = value(database, "SELECT extract(epoch FROM scheduled_at - updated_at) FROM jobs WHERE id = :id", id=failed)
    assert wait == pytest.approx(1, abs=0.5)
    assert ready(database) == []


def test_a_failed_job_at_its_limit_is_left_alone(database):
    failed = add_job(database, status="failed", retry_count=3, max_retries=3)
    before = job(database, failed)
    assert value(database, "SELECT retry_failed_jobs(1000)") == 0
    assert job(database, failed) == before


def test_a_failed_job_that_somebody_has_to_look_at_first_or_gave_up_is_left_alone(database):
    dead_letter = (
        "INSERT INTO dead_letter_jobs (job_id, reason, resolved_at, resolution)"
        " VALUES (:id, 'exhausted', CASE WHEN :how <> '' THEN now() END, nullif(:how, ''))"
    )
    ids = {how: add_job(database, status="failed") for how in ("", "discarded", "requeued")}
    for how, job_id in ids.items():
        rows(database, dead_letter, id=job_id, how=how)
    # One that was cancelled while it failed would be pending for ever: it is never dispatched.
    rows(database, "INSERT INTO jobs (job_type, status, cancel_requested_at) VALUES ('x', 'failed', now())")
    assert value(database, "SELECT retry_failed_jobs(0)") == 1
    assert job(database, ids["requeued"]).status == "pending"


@pytest.mark.parametrize("table", ["jobs", "job_executions", "job_dependencies", "job_schedules", "dead_letter_jobs"])
def test_updated_at_moves_with_every_update_of_the_five_tables(database, table):
    with database.transaction() as connection:  # one transaction: now() stands still in it
        parent, child = add_job(connection), add_job(connection)
        rows(connection, "INSERT INTO job_executions (job_id, attempt, outcome) VALUES (:id, 1, 'lost')", id=child)
        sql = "INSERT INTO job_dependencies (job_id, depends_on_job_id) VALUES (:c, :p)"
        rows(connection, sql, c=child, p=parent)
        rows(connection, "INSERT INTO job_schedules (name, job_type, cron) VALUES ('n', 'x', '* * * * *')")
        rows(connection, "INSERT INTO dead_letter_jobs (reason) VALUES ('corrupt')")
        before = value(connection, f"SELECT max(updated_at) FROM {table}")
        rows(connection, f"UPDATE {table} SET created_at = created_at")
        assert value(connection, f"SELECT min(updated_at) FROM {table}") > before


def test_updated_at_does_not_go_back_and_a_renewed_lease_leaves_it(database):
    job_id = add_job(database)
    rows(database, "UPDATE jobs SET priority = 7, updated_at = '2000-01-01Z' WHERE id = :id", id=job_id)
    before = job(database, job_id)
    assert before.updated_at > before.created_at
    rows(database, "UPDATE jobs SET lease_expires_at = now() WHERE id = :id", id=job_id)
    assert job(database, job_id).updated_at == before.updated_at


def test_deleting_a_job_deletes_its_executions_dependencies_and_dead_letters(database):
    parent, child = add_job(database), add_job(database)
    rows(database, "INSERT INTO job_dependencies (job_id, depends_on_job_id) VALUES (:c, :p)", c=child, p=parent)
    rows(database, "INSERT INTO job_executions (job_id, attempt, outcome) VALUES (:id, 1, 'lost')", id=parent)
    rows(database, "INSERT INTO dead_letter_jobs (job_id, reason) VALUES (:id, 'poison')", id=parent)
    rows(database, "DELETE FROM jobs WHERE id = :id", id=parent)
    for table in ("job_executions", "job_dependencies", "dead_letter_jobs"):
        assert value(database, f"SELECT count(*) FROM {table}") == 0
    assert ready(database) == [child]


def test_a_plain_insert_is_a_complete_submission(database):
    rows(database, """INSERT INTO jobs (job_type, payload) VALUES ('email_notification', '{"to": "a@b"}')""")
    (stored,) = rows(database, "SELECT * FROM jobs")
    assert (stored.status, stored.priority, stored.retry_count, stored.max_retries) == ("pending", 50, 0, 3)
    assert (stored.timeout_ms, stored.queue_name, stored.payload, stored.metadata) == (
        300_000,
        "default",
        {"to": "a@b"},
        {},
    )
    assert stored.id.version == 7
    assert stored.created_at == stored.updated_at
    assert ready(database) == [stored.id]


def test_a_plain_insert_goes_to_the_queue_of_its_job_type(database):
    register(database, JobType(**{**NOTE.model_dump(), "queue_name": "slow"}))
    assert job(database, add_job(database)).queue_name == "slow"
    assert job(database, add_job(database, queue_name="fast")).queue_name == "fast"
    assert job(database, add_job(database, job_type="unknown")).queue_name == "default"


def _own(database):
    own = JobType(name="own", queue_name="slow", priority=70, max_retries=9, timeout_ms=2_000)
    register(database, own)
    return "SELECT queue_name, priority, max_retries, timeout_ms FROM jobs WHERE id = :id"


def test_a_plain_insert_leaves_its_job_types_own_defaults(database):
    mine = _own(database)
    assert rows(database, mine, id=add_job(database, job_type="own")) == [("slow", 70, 9, 2_000)]
    given = add_job(database, job_type="own", priority=1, max_retries=0)
    assert rows(database, mine, id=given) == [("slow", 1, 0, 2_000)]


def test_a_plain_insert_that_names_the_queue_means_every_number_as_it_stands(database):
    mine = _own(database)
    given = add_job(database, job_type="own", queue_name="slow", priority=50, max_retries=3, timeout_ms=300_000)
    assert rows(database, mine, id=given) == [("slow", 50, 3, 300_000)]


def test_a_plain_insert_of_a_type_that_nobody_registered_has_the_columns_defaults(database):
    stored = rows(database, _own(database), id=add_job(database, job_type="nobody"))
    assert stored == [("default", 50, 3, 300_000)]


def test_a_plain_insert_of_many_rows_keeps_their_order(database):
    rows(
        database,
        "INSERT INTO jobs (job_type, payload) SELECT 'x', jsonb_build_object('n', n) FROM generate_series(1, 50) n",
    )
    assert [row.payload["n"] for row in rows(database, "SELECT payload FROM get_ready_jobs(100)")] == list(range(1, 51))


def test_ids_made_by_the_database_are_uuids_of_version_7_in_the_order_of_time(database):
    made = rows(database, "SELECT new_job_id() AS id, pg_sleep(0.002) FROM generate_series(1, 30)")
    ids = [row.id for row in made]
    assert {(job_id.version, job_id.variant) for job_id in ids} == {(7, "specified in RFC 4122")}
    assert ids == sorted(ids)
    shift = "SELECT abs(:ms - extract(epoch FROM clock_timestamp()) * 1000) < 60000"
    assert value(database, shift, ms=ids[0].int >> 80)


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ({"job_type": ""}, IntegrityError),
        ({"job_type": "x" * 101}, DataError),
        ({"priority": 101}, IntegrityError),
        ({"priority": -1}, IntegrityError),
        ({"max_retries": -1}, IntegrityError),
        ({"timeout_ms": 0}, IntegrityError),
        ({"payload": "[1]"}, IntegrityError),
        ({"payload": '"text"'}, IntegrityError),
        ({"payload": "{"}, DataError),
        ({"metadata": "[]"}, IntegrityError),
        ({"status": "waiting"}, DataError),
    ],
)
def test_even_psql_cannot_insert_nonsense(database, columns, error):
    with pytest.raises(error):
        add_job(database, **columns)
    assert value(database, "SELECT count(*) FROM jobs") == 0
