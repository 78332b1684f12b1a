"""The system below the jobs: what is wrong, PostgreSQL, tables, background tasks, migrations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

FindingStatus = Literal["ok", "warning", "error", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemFinding:
    name: str
    status: FindingStatus
    """`error`: jobs do not run, or may be lost. `warning`: that may happen soon, or somebody should look."""
    detail: str
    remedy: str
    """What to do; empty when all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """A table of ours."""

    name: str
    live_rows: int
    """As PostgreSQL estimates them; so are the dead ones."""
    dead_rows: int
    heap_bytes: int
    index_bytes: int
    toast_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.heap_bytes + self.index_bytes + self.toast_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseServer:
    wal_bytes: float
    """WAL that was written since the server was made."""
    connections: int
    max_connections: int
    oldest_snapshot_age_s: float
    """Seconds; a long transaction keeps dead rows from being removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundTask:
    name: str
    last_success_at: datetime | None
    """Null: never."""
    is_silent: bool
    """It did nothing for 10 minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedMigration:
    name: str
    applied_at: datetime | None
    """Null: it is missing."""
    is_changed: bool
    """Its file is not the one that was applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    findings: list[SystemFinding]
    """Errors first, then warnings."""
    server: DatabaseServer
    tables: list[TableSize]
    """The largest first."""
    background_tasks: list[BackgroundTask]
    migrations: list[AppliedMigration]
    """Oldest first."""
