"""How large our tables are, and how the server is that has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.migrate import METADATA_TABLE

TABLES = (
    "jobs job_executions job_dependencies job_schedules job_schedule_runs dead_letter_jobs job_logs job_types"
    " job_limit_states job_limit_buckets job_queues workers job_counters job_counter_marks job_statistics"
    " workflows workflow_changes workflow_holds"
    " job_archive job_dead_letter_archive job_audit_archive"
    " job_background_tasks job_bulk_changes"
    f" job_api_keys job_dashboard_sessions job_dashboard_views job_audit_log job_api_requests {METADATA_TABLE}"
).split()
"""All of ours; a test compares them with the schema."""


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    heap_bytes: int
    index_bytes: int
    toast_bytes: int
    live_rows: int
    dead_rows: int


@dataclass(frozen=True, slots=True)
class Server:
    wal_bytes: float
    """Written since the server was made."""
    connections: int
    max_connections: int
    oldest_snapshot_age_s: float
    """Of other roles too if ours may see them (pg_monitor)."""


@dataclass(frozen=True, slots=True)
class Storage:
    tables: Sequence[Table]
    server: Server


def read(connection: Connection) -> Storage:
    tables = run(connection, "metrics/tables", {"names": TABLES})
    server = run(connection, "metrics/server").one()
    return Storage([Table(**row._mapping) for row in tables], Server(**server._mapping))
