"""Reads the tables of a run into its record."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from aeon_jobs.persistence.core.database import Database
from tests.faults.history import effects
from tests.faults.history.cluster import Cluster
from tests.faults.history.handlers import LIMIT
from tests.faults.history.record import Booking, Change, DeadLetter, Execution, JobRow, Record, WorkflowRow

JOBS = """
SELECT id::text, job_type, status::text, attempt, retry_count, max_retries, worker_deaths, worker_id, result,
    idempotency_key AS key, cancel_requested_at IS NOT NULL AS is_cancel_requested,
    (metadata ->> 'due')::double precision AS scheduled_at, extract(epoch FROM schedule_run_at)::double precision AS due_time,
    ARRAY(SELECT depends_on_job_id::text FROM job_dependencies d WHERE d.job_id = jobs.id) AS parents,
    CASE job_type WHEN 'h_limited' THEN payload ->> 'tenant' END AS limit_key,
    workflow_id::text, metadata #>> '{workflow,id}' AS ends_workflow_id
FROM jobs"""
WORKFLOWS = "SELECT id::text, state, total, completed, failed, cancelled FROM workflows"
EXECUTIONS = """
SELECT job_id::text, attempt, outcome, extract(epoch FROM started_at)::double precision AS started_at,
    extract(epoch FROM finished_at)::double precision AS finished_at, worker_id
FROM job_executions ORDER BY id"""
CHANGES = """
SELECT job_id::text, old_status, new_status, old_attempt, new_attempt, retries, deaths, result_changed
FROM history_changes ORDER BY id"""
DEAD_LETTERS = "SELECT job_id::text, reason, resolved_at IS NULL AS is_open FROM dead_letter_jobs ORDER BY id"
BOOKINGS = "SELECT job_id::text, attempt FROM history_bookings"
OPEN = """
SELECT (SELECT count(*) FROM jobs WHERE status NOT IN ('completed', 'failed', 'cancelled'))
    + (SELECT count(*) FROM workflows WHERE finished_at IS NULL) AS count"""
NEXT = "SELECT next_run_at FROM job_schedules"


def is_over(database: Database) -> bool:
    return bool(_rows(database, OPEN)[0]["count"] == 0)


def has_ticked(database: Database) -> bool:
    return bool(_rows(database, "SELECT last_run_at FROM job_schedules")[0]["last_run_at"])


def fill(record: Record, cluster: Cluster, due_times: list[datetime]) -> None:
    """Add what is in the database and in the effects log. `due_times`: the first due times of the schedule."""
    database = cluster.database
    record.effects += effects.read(cluster.effects_log)
    record.jobs += [JobRow(**{**row, "parents": tuple(row["parents"])}) for row in _rows(database, JOBS)]
    record.workflows += [WorkflowRow(**row) for row in _rows(database, WORKFLOWS)]
    record.limit = LIMIT
    record.executions += [Execution(**row) for row in _rows(database, EXECUTIONS)]
    record.changes += [Change(**row) for row in _rows(database, CHANGES)]
    record.dead_letters += [DeadLetter(**row) for row in _rows(database, DEAD_LETTERS)]
    record.bookings += [Booking(**row) for row in _rows(database, BOOKINGS)]
    record.crashes = cluster.crashes
    next_due = _rows(database, NEXT)[0]["next_run_at"]
    while due_times[-1] + timedelta(minutes=1) < next_due:
        due_times.append(due_times[-1] + timedelta(minutes=1))
    record.due_times += [due_time.timestamp() for due_time in due_times]


def _rows(database: Database, sql: str) -> list[dict[str, Any]]:
    with database.connection() as connection:
        return [dict(row) for row in connection.execute(text(sql)).mappings()]
