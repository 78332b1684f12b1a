"""The system below the jobs: what is wrong, and what to do; background tasks, tables, server, migrations."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aeon_jobs.api.dashboard.page import Ask, Page
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.checks import processes
from aeon_jobs.api.service.checks.finding import Finding, by_limits, error, ok, warning
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.metrics import situation, storage
from aeon_jobs.persistence.metrics.situation import Situation
from aeon_jobs.persistence.metrics.storage import Server, Storage, Table

TASK_SILENT_S = 600.0
"""As the alert BackgroundTaskSilent."""
LAG_S = (5.0, 60.0)
SNAPSHOT_S = (300.0, 3_600.0)
CONNECTIONS = (0.8, 0.95)
DEAD_ROWS, DEAD_SHARE = 100_000, 0.5
"""A table with more dead rows than the first, and more of them than this share, is not vacuumed as it should be."""


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """Findings that need somebody first."""
    with jobs.context.database.connection() as connection:
        now = situation.read(connection, jobs.context.worker_silence_ms)
        stored = storage.read(connection)
    migrations = migrate.status(jobs.context.database)
    findings = [*_of_processes(jobs), _schema(migrations), *_of_server(stored), *_of_work(now)]
    order = ("error", "warning", "ok", "skipped")
    return {
        "findings": sorted(findings, key=lambda found: order.index(found.status)),
        "trouble": sum(found.status in {"error", "warning"} for found in findings),
        "tasks": [(name, _moment(at), _is_silent(at)) for name, at in sorted(now.background_tasks.items())],
        "tables": sorted(stored.tables, key=_bytes, reverse=True),
        "bytes_of": _bytes,
        "total_bytes": sum(map(_bytes, stored.tables)),
        "server": stored.server,
        "migrations": migrations,
        "size": size,
    }


def size(number: float) -> str:
    """Bytes, such as 1.5 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1_024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1_024
    return f"{number:.1f} TiB"


def _of_processes(jobs: Jobs) -> Iterator[Finding]:
    for check in processes.CHECKS:
        yield check(jobs)


def _schema(migrations: Sequence[migrate.Status]) -> Finding:
    missing = [entry.migration.label for entry in migrations if not entry.applied_at]
    if missing:
        return error("schema", f"missing: {', '.join(missing)}", "aeon-jobs migrate up")
    return ok("schema", f"current: {migrations[-1].migration.label}")


def _of_server(stored: Storage) -> Iterator[Finding]:
    server: Server = stored.server
    yield by_limits(
        "connections",
        server.connections / server.max_connections,
        CONNECTIONS,
        f"{server.connections} of {server.max_connections} in use",
        "put PgBouncer in front, lower DATABASE_POOL_SIZE, or raise max_connections",
    )
    yield by_limits(
        "oldest transaction",
        server.oldest_snapshot_age_s,
        SNAPSHOT_S,
        f"{server.oldest_snapshot_age_s:.0f} s",
        "find it in pg_stat_activity and end it: dead rows cannot be removed meanwhile",
    )
    bloated = [table.name for table in stored.tables if _is_bloated(table)]
    if bloated:
        remedy = "aeon-jobs doctor tells whether autovacuum is on; VACUUM the table"
        yield warning("dead rows", f"many in {', '.join(bloated)}", remedy)
    else:
        yield ok("dead rows", "no table has too many")


def _of_work(now: Situation) -> Iterator[Finding]:
    lag = now.dispatch_lag_s
    remedy = "look at the workers and at Redis: dispatched jobs are not claimed"
    yield by_limits("dispatch lag", lag, LAG_S, f"{lag:.1f} s", remedy)
    count = now.running_past_deadline
    if count:
        remedy = "their handlers do not stop: see the runbook of stuck handlers"
        yield warning("jobs past their deadline", str(count), remedy)
    silent = [name for name, at in now.background_tasks.items() if at and _is_silent(at)]
    if silent:
        yield warning("background tasks", f"silent: {', '.join(silent)}", "read the log of the dispatcher")
    else:
        yield ok("background tasks", "all did their work in the last 10 minutes")


def _is_bloated(table: Table) -> bool:
    return table.dead_rows > DEAD_ROWS and table.dead_rows > DEAD_SHARE * (table.live_rows + table.dead_rows)


def _is_silent(at: float) -> bool:
    return time.time() - at > TASK_SILENT_S


def _moment(at: float) -> datetime | None:
    return datetime.fromtimestamp(at, UTC) if at else None


def _bytes(table: Table) -> int:
    return table.heap_bytes + table.index_bytes + table.toast_bytes


listing = Page(path="/system", title="System", template="system.html", read=read, menu=True)
pages = [listing]
actions: list[Any] = []
