"""The system below the jobs: findings, tables, background tasks, migrations."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from aeon_jobs.api.contract import System
from aeon_jobs.ops.cli.output.console import field_list
from aeon_jobs.ops.cli.output.formatters.archive import size
from aeon_jobs.ops.cli.output.tables import Column, table

FINDINGS = (Column("status"), Column("what"), Column("found", least=24), Column("what to do", rank=1))
TABLES = (Column("table"), Column("rows"), Column("dead", rank=2), Column("indexes", rank=3), Column("size"))
TASKS = (Column("background task"), Column("last success"))
MIGRATIONS = (Column("migration"), Column("applied"))


def system_report(found: System) -> RenderableType:
    server = found.server
    summary = field_list(
        [
            ("tables", size(sum(entry.total_bytes for entry in found.tables))),
            ("WAL since it was made", size(server.wal_bytes)),
            ("connections", f"{server.connections} of {server.max_connections}"),
            ("oldest transaction", f"{server.oldest_snapshot_age_s:.0f} s"),
        ]
    )
    trouble = [
        (entry.status, entry.name, entry.detail, entry.remedy)
        for entry in found.findings
        if entry.status in ("error", "warning")
    ]
    sizes = [
        (entry.name, entry.live_rows, entry.dead_rows, size(entry.index_bytes), size(entry.total_bytes))
        for entry in found.tables
    ]
    tasks = [(entry.name, entry.last_success_at or "never") for entry in found.background_tasks]
    migrations = [(entry.name, entry.applied_at or "missing") for entry in reversed(found.migrations)]
    return Group(
        table(FINDINGS, trouble, nothing="nothing is wrong"),
        Text(""),
        summary,
        Text(""),
        table(TABLES, sizes, nothing="no table"),
        Text(""),
        table(TASKS, tasks, nothing="no background task has run"),
        Text(""),
        table(MIGRATIONS, migrations, nothing="no migration"),
    )
