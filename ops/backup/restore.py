"""A restore: an empty database of ours, filled from a backup, and set right.

1. Refuse: a file that is no backup of ours or of a newer version, a database with jobs, one whose processes live.
2. Bring the schema to the version of the backup, and empty it.
3. Fill it, in one transaction.
4. Set right what a stopped system leaves (`persistence.admin.restored`), and apply newer migrations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aeon_jobs.ops.backup import libpq, programs
from aeon_jobs.ops.backup.errors import BackupError
from aeon_jobs.ops.backup.libpq import Client
from aeon_jobs.persistence.admin import restored
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database

_DATA = re.compile(r"^\d+; \d+ \d+ (?:TABLE DATA|SEQUENCE SET) (\S+) (\S+) ", re.MULTILINE)
_VERSIONS = re.compile(r"^COPY \S*job_migrations .*?\n(.*?)^\\\.", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Restored:
    version: int
    """Of the schema of the backup."""
    jobs: Mapping[str, int]
    """By state, after everything was set right."""
    archived: int
    interrupted: int
    """Jobs that ran when the backup was made: they wait again."""


def restore(database: Database, dsn: str, file: Path, *, replace: bool = False) -> Restored:
    """Restore a backup. Stop all processes first.

    Args:
        replace: delete the jobs that are there.

    Raises:
        BackupError: nothing was changed, or the tables are empty: then restore again.
        MigrationError
    """
    if not file.is_file():
        raise BackupError(f"{file}: there is no such file")
    _refuse_living(database, replace=replace)
    with libpq.client(dsn) as client:
        with database.connection() as connection:
            program = programs.pg_restore(restored.server_version(connection))
        contents = client.run(program, ["--list", str(file)])
        version = _version(client, program, file)
        months = _checked(contents, database.schema, version)
        _empty_schema(database, version, months)
        wanted = client.directory / "contents"
        wanted.write_text(
            "\n".join(line for line in contents.splitlines() if f" {migrate.METADATA_TABLE} " not in line)
        )
        options = ["--data-only", "--single-transaction", "--exit-on-error", "--no-password", f"--use-list={wanted}"]
        client.run(program, [*options, f"--dbname={libpq.CONNECTION}", str(file)])
    with database.transaction() as connection:
        interrupted = restored.set_right(connection)
    migrate.up(database)
    with database.connection() as connection:
        restored.analyze(connection)
        return Restored(version, restored.states(connection), restored.archived(connection), interrupted)


def _refuse_living(database: Database, *, replace: bool) -> None:
    if not any(entry.applied_at for entry in migrate.status(database)):
        return
    with database.connection() as connection:
        if living := restored.living(connection):
            raise BackupError(f"processes of aeon-jobs use this database: stop them first ({', '.join(living[:5])})")
        if not replace and restored.has_jobs(connection):
            raise BackupError("this database has jobs. --replace deletes them and restores the backup")


def _version(client: Client, program: Path, file: Path) -> int:
    text = client.run(program, ["--data-only", f"--table={migrate.METADATA_TABLE}", "--file=-", str(file)])
    found = _VERSIONS.search(text)
    if found is None:
        raise BackupError(f"{file}: is no backup of aeon-jobs")
    return max(int(line.split("\t")[0]) for line in found[1].splitlines())


def _checked(contents: str, schema: str, version: int) -> list[str]:
    """The months of the archive that are in it, such as 2030_01."""
    newest = migrate.available()[-1].version
    if version > newest:
        raise BackupError(f"the backup is of schema version {version}, newer than this program ({newest})")
    entries = _DATA.findall(contents)
    others = {name for name, _ in entries} - {schema}
    if others:
        raise BackupError(f"the backup is of schema {others.pop()!r}: set JOB_SCHEMA to it")
    return sorted({table[-7:] for _, table in entries if re.search(r"_archive_\d{4}_\d\d$", table)})


def _empty_schema(database: Database, version: int, months: list[str]) -> None:
    applied = [entry.migration.version for entry in migrate.status(database) if entry.applied_at]
    if applied:
        with database.transaction() as connection:
            restored.empty(connection, migrate.tables(max(applied)))
        migrate.down(database, version)
    migrate.up(database, version)
    with database.transaction() as connection:
        # Of the rows that migrations make, too: they are in the backup.
        restored.empty(connection, migrate.tables(version))
        if months:
            restored.add_months(connection, months[0], months[-1])
