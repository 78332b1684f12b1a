"""The system below the jobs: what is wrong, and what to do; background tasks, tables, server, migrations."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from aeon_jobs.api.contract import AppliedMigration, BackgroundTask, DatabaseServer, System, SystemFinding, TableSize
from aeon_jobs.api.service.checks import processes
from aeon_jobs.api.service.checks.finding import Finding, by_limits, error, ok, warning
from aeon_jobs.api.service.core.use_cases import UseCases, shown
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.metrics import situation, storage
from aeon_jobs.persistence.metrics.situation import Situation
from aeon_jobs.persistence.metrics.storage import Server, Storage, Table

if TYPE_CHECKING:
    from aeon_jobs.api.contract import JobsApi

TASK_SILENT_S = 600.0
"""As the alert BackgroundTaskSilent."""
LAG_S = (5.0, 60.0)
SNAPSHOT_S = (300.0, 3_600.0)
CONNECTIONS = (0.8, 0.95)
DEAD_ROWS, DEAD_SHARE = 100_000, 0.5
"""A table with more dead rows than the first, and more of them than this share, is not vacuumed as it should be."""
_ORDER = ("error", "warning", "ok", "skipped")


class SystemUseCases(UseCases):
    def system(self) -> System:
        """What is wrong and what to do; sizes, WAL, background tasks, migrations. `aeon-jobs doctor` also looks at Redis,
        clocks and disks."""
        with self.context.database.connection() as connection:
            now = situation.read(connection, self.context.worker_silence_ms)
            stored = storage.read(connection)
        migrations = migrate.status(self.context.database)
        findings = [*_of_processes(cast("JobsApi", self)), _schema(migrations), *_of_server(stored), *_of_work(now)]
        tables = [shown(TableSize, table) for table in stored.tables]
        return System(
            findings=[shown(SystemFinding, found) for found in sorted(findings, key=lambda f: _ORDER.index(f.status))],
            server=shown(DatabaseServer, stored.server),
            tables=sorted(tables, key=lambda table: table.total_bytes, reverse=True),
            background_tasks=[
                BackgroundTask(name=name, last_success_at=_moment(at), is_silent=_is_silent(at))
                for name, at in sorted(now.background_tasks.items())
            ],
            migrations=[
                AppliedMigration(name=entry.migration.label, applied_at=entry.applied_at, is_changed=entry.changed)
                for entry in migrations
            ],
        )


def _of_processes(jobs: JobsApi) -> Iterator[Finding]:
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
