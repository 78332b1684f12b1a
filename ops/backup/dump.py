"""A backup: the rows of our tables, as one moment saw them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from aeon_jobs.ops.backup import libpq, programs
from aeon_jobs.ops.backup.errors import BackupError
from aeon_jobs.persistence.admin import restored
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database

PARTS_OF_PARTITIONS = "_????_??"


@dataclass(frozen=True, slots=True)
class Backup:
    file: Path
    bytes: int
    version: int
    """Of the schema."""


def dump(database: Database, dsn: str, file: Path) -> Backup:
    """Write a backup. The system may go on: PostgreSQL shows pg_dump the rows of one moment.

    Raises:
        BackupError: `file` is there already, a program is missing, or pg_dump failed. No file is left.
        MigrationError: PostgreSQL cannot be reached.
    """
    version = max((entry.migration.version for entry in migrate.status(database) if entry.applied_at), default=0)
    if not version:
        raise BackupError(f"schema {database.schema!r} has no tables of aeon-jobs: there is nothing to back up")
    with database.connection() as connection:
        server = restored.server_version(connection)
    unfinished = file.with_name(f"{file.name}.unfinished")
    if file.exists():
        raise BackupError(f"{file} exists already")
    # Payloads, results and digests of keys: for its owner alone.
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        with libpq.client(dsn) as client:
            client.run(programs.pg_dump(server), [*_options(database.schema), f"--file={unfinished}", libpq.CONNECTION])
        _flush(unfinished)
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return Backup(file, file.stat().st_size, version)


def _options(schema: str) -> list[str]:
    # Of months of the archive the rows go through their table: where they are restored, a month may have other bounds.
    general = ["--format=custom", "--data-only", "--no-password", "--load-via-partition-root"]
    return general + [f'--table="{schema}".{pattern}' for table in _tables() for pattern in _patterns(table)]


def _tables() -> list[str]:
    """All of ours but the processes: who lived then says nothing of who lives after a restore."""
    return [table for table in [*migrate.tables(), migrate.METADATA_TABLE] if table != "workers"]


def _patterns(table: str) -> list[str]:
    return [table, f"{table}{PARTS_OF_PARTITIONS}"] if table.endswith("_archive") else [table]


def _flush(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
