"""Versioned SQL, up and down.

1. Each migration is a pair of files, NNNN_name.up.sql and NNNN_name.down.sql; applied ones stand in `job_migrations`.
2. A transaction-level advisory lock lets one process at a time migrate; the others find nothing left to do.
3. Each migration and its row commit together.
4. Functions stand in files of their own, and are made anew whenever their file changes: each has the checksum of its file as
   its comment. Workers of the version before go on meanwhile, so the arguments of a function never change: it gets a new name.
5. Before the first one, the names that all the missing ones create are looked up: an object of that name that is there
   already is somebody else's, so nothing is touched.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import resources

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from aeon_jobs.persistence.core.database import Database, search_path
from aeon_jobs.persistence.core.errors import ForeignObjects, MigrationError

METADATA_TABLE = "job_migrations"
_MARK = "aeon-jobs migrations"
_LOCK = int.from_bytes(hashlib.sha256(_MARK.encode()).digest()[:8], "big", signed=True)
_CREATES = re.compile(
    r"^CREATE (?:OR REPLACE )?(?:UNIQUE )?(?:TABLE|TYPE|FUNCTION|INDEX)(?: IF NOT EXISTS)? (\w+)", re.MULTILINE
)
_CREATES_TABLE = re.compile(r"^CREATE TABLE (?:IF NOT EXISTS )?(\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    up: str
    down: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.up.encode()).hexdigest()

    @property
    def label(self) -> str:
        return f"{self.version:04d}_{self.name}"


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    sql: str

    @property
    def mark(self) -> str:
        return f"{_MARK}: {hashlib.sha256(self.sql.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Status:
    migration: Migration
    applied_at: datetime | None
    changed: bool
    """The file is not the one that was applied."""


def available() -> list[Migration]:
    """Every migration of this version, oldest first."""
    folder = resources.files("aeon_jobs.persistence.core.migrations")
    ups = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".up.sql"))
    return [
        Migration(
            version=int(name[:4]),
            name=name[5 : -len(".up.sql")],
            up=folder.joinpath(name).read_text(),
            down=folder.joinpath(name.replace(".up.sql", ".down.sql")).read_text(),
        )
        for name in ups
    ]


def tables(version: int | None = None) -> list[str]:
    """The tables that the migrations make, up to `version`, in their order; without `job_migrations`."""
    wanted = [migration for migration in available() if version is None or migration.version <= version]
    return [table for migration in wanted for table in _CREATES_TABLE.findall(migration.up)]


def functions() -> list[Function]:
    """Every function of this version that is made anew when it changes."""
    folder = resources.files("aeon_jobs.persistence.core.functions")
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return [Function(entry.name.removesuffix(".sql"), entry.read_text()) for entry in files]


def up(database: Database, target: int | None = None) -> list[str]:
    """Apply what is missing, up to version `target`; returns the labels of what was applied.

    Raises:
        ForeignObjects: a name that is needed is taken by somebody else's object.
        MigrationError: the database is newer than this program, or refused a statement.
    """
    wanted = [migration for migration in available() if target is None or migration.version <= target]
    with _locked(database) as connection:
        _prepare(connection, database.schema, wanted)
    done: list[str] = []
    for migration in wanted:
        with _locked(database) as connection:
            if migration.version not in _applied(connection):
                _apply(connection, migration, database.schema)
                done.append(migration.label)
    if target is None:
        with _locked(database) as connection:
            _make_functions(connection, database.schema)
    return done


def down(database: Database, target: int) -> list[str]:
    """Roll back every migration above version `target` (0: all), newest first; returns their labels.

    Raises:
        MigrationError: the database is newer than this program, or other objects depend on what would be dropped.
        ForeignObjects: the metadata table is somebody else's.
    """
    with _locked(database) as connection:
        if _has_metadata(connection, database.schema):
            _refuse_newer(connection)
    undone: list[str] = []
    for migration in reversed(available()):
        if migration.version <= target:
            break
        with _locked(database) as connection:
            if _has_metadata(connection, database.schema) and migration.version in _applied(connection):
                _execute(connection, migration.down)
                connection.execute(
                    text("DELETE FROM job_migrations WHERE version = :version"),
                    {"version": migration.version},
                )
                undone.append(migration.label)
    if target == 0:
        with _locked(database) as connection:
            if _has_metadata(connection, database.schema):
                for function in functions():
                    _execute(connection, f"DROP FUNCTION IF EXISTS {function.name}")
                connection.execute(text("DROP TABLE job_migrations"))
    return undone


def status(database: Database) -> list[Status]:
    """Each known migration, with the time it was applied.

    Raises:
        ForeignObjects: the metadata table is somebody else's.
        MigrationError: PostgreSQL cannot be reached.
    """
    with _connected(database) as connection:
        applied = _applied(connection) if _has_metadata(connection, database.schema) else {}
    return [_status(migration, applied.get(migration.version)) for migration in available()]


def is_current(database: Database) -> bool:
    """Whether every migration of this version is applied, and every function there.

    A function of another version will do, or the processes of the version before would call themselves out of order as soon as
    a deploy migrates.
    """
    if not all(entry.applied_at for entry in status(database)):
        return False
    with _connected(database) as connection:
        return {function.name for function in functions()} <= _marks(connection, database.schema).keys()


def _status(migration: Migration, row: tuple[datetime, str] | None) -> Status:
    return Status(migration, row[0], row[1] != migration.checksum) if row else Status(migration, None, False)


@contextmanager
def _connected(database: Database) -> Iterator[Connection]:
    """A transaction that sees our schema alone, "public" included: the role may have another search path."""
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(database.transaction())
        except OperationalError as error:
            raise MigrationError(f"PostgreSQL cannot be reached: {_first_line(error)}") from None
        connection.exec_driver_sql(search_path(database.schema))
        yield connection


@contextmanager
def _locked(database: Database) -> Iterator[Connection]:
    """The same, with the migration lock held."""
    with _connected(database) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield connection


def _prepare(connection: Connection, schema: str, wanted: Sequence[Migration]) -> None:
    """Create schema and metadata table, and refuse a metadata table or a function that is not ours."""
    _refuse_encoding(connection)
    if not _has_schema(connection, schema):
        _execute(connection, f'CREATE SCHEMA "{schema}"')
    _marks(connection, schema)
    if _has_metadata(connection, schema):
        _refuse_newer(connection)
        applied = _applied(connection)
        ours = {name for migration in available() if migration.version in applied for name in _created(migration)}
        missing = {name for migration in wanted if migration.version not in applied for name in _created(migration)}
        _refuse_foreign(connection, schema, missing - ours)
        return
    _refuse_foreign(connection, schema, {METADATA_TABLE, *(name for entry in wanted for name in _created(entry))})
    _execute(
        connection,
        f"CREATE TABLE {METADATA_TABLE} (version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now());"
        f" COMMENT ON TABLE {METADATA_TABLE} IS '{_MARK}'",
    )


def _apply(connection: Connection, migration: Migration, schema: str) -> None:
    _execute(connection, migration.up)
    connection.execute(
        text("INSERT INTO job_migrations (version, name, checksum) VALUES (:version, :name, :checksum)"),
        {"version": migration.version, "name": migration.name, "checksum": migration.checksum},
    )


def _make_functions(connection: Connection, schema: str) -> None:
    for function in _outdated(connection, schema):
        _execute(connection, function.sql)
        _execute(connection, f"COMMENT ON FUNCTION {function.name} IS '{function.mark}'")


def _outdated(connection: Connection, schema: str) -> list[Function]:
    marks = _marks(connection, schema)
    return [function for function in functions() if marks.get(function.name) != function.mark]


def _marks(connection: Connection, schema: str) -> dict[str, str]:
    """The functions of ours that are there, with their marks.

    Raises:
        ForeignObjects: somebody else has a function of one of our names.
    """
    rows = connection.execute(
        text(
            "SELECT proname, coalesce(obj_description(oid, 'pg_proc'), '') AS mark FROM pg_proc"
            " WHERE pronamespace = to_regnamespace(:schema) AND proname = ANY(:names)"
        ),
        {"schema": f'"{schema}"', "names": [function.name for function in functions()]},
    )
    found = [(row.proname, row.mark) for row in rows]
    if foreign := sorted({name for name, mark in found if not mark.startswith(_MARK)}):
        raise ForeignObjects(schema, foreign)
    return dict(found)


def _created(migration: Migration) -> list[str]:
    """Names of everything that the migration creates."""
    return _CREATES.findall(migration.up)


def _refuse_encoding(connection: Connection) -> None:
    """Payloads are JSON, so any text; what is not UTF8 cannot store all of it."""
    if (encoding := connection.exec_driver_sql("SHOW server_encoding").scalar_one()) != "UTF8":
        raise MigrationError(f"the database has the encoding {encoding}: create one with ENCODING 'UTF8'")


def _refuse_newer(connection: Connection) -> None:
    newest = max(_applied(connection), default=0)
    if newest > available()[-1].version:
        raise MigrationError(f"the database is at version {newest}, newer than this program")


def _refuse_foreign(connection: Connection, schema: str, wanted: Collection[str]) -> None:
    # A table is a type too: one look-up in pg_type finds tables, enums and views of that name.
    taken = connection.execute(
        text(
            "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(:schema) AND relname = ANY(:names)"
            " UNION SELECT typname FROM pg_type WHERE typnamespace = to_regnamespace(:schema) AND typname = ANY(:names)"
            " UNION SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace(:schema) AND proname = ANY(:names)"
            " ORDER BY 1"
        ),
        {"schema": f'"{schema}"', "names": list(wanted)},
    ).scalars()
    if names := list(taken):
        raise ForeignObjects(schema, names)


def _has_schema(connection: Connection, schema: str) -> bool:
    return bool(
        connection.execute(text("SELECT to_regnamespace(:name) IS NOT NULL"), {"name": f'"{schema}"'}).scalar_one()
    )


def _has_metadata(connection: Connection, schema: str) -> bool:
    """Whether our metadata table is there; one of that name without our mark is somebody else's.

    Raises:
        ForeignObjects: it is not ours.
    """
    found = connection.execute(
        text(
            "SELECT obj_description(to_regclass(:name), 'pg_class') FROM (SELECT 1) AS one"
            " WHERE to_regclass(:name) IS NOT NULL"
        ),
        {"name": f'"{schema}".{METADATA_TABLE}'},
    ).all()
    if found and found[0][0] != _MARK:
        raise ForeignObjects(schema, [METADATA_TABLE])
    return bool(found)


def _applied(connection: Connection) -> dict[int, tuple[datetime, str]]:
    rows = connection.execute(text("SELECT version, applied_at, checksum FROM job_migrations"))
    return {row.version: (row.applied_at, row.checksum) for row in rows}


def _execute(connection: Connection, sql: str) -> None:
    try:
        connection.execution_options(no_parameters=True).exec_driver_sql(sql)
    except DBAPIError as error:
        detail = getattr(getattr(error.orig, "diag", None), "message_detail", None)
        raise MigrationError(": ".join([_first_line(error), *(detail or "").splitlines()[:1]])) from error


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).strip().splitlines()[0]
