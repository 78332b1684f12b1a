"""One bounded pool of connections, and the named SQL that runs on them.

Nothing here outlives a transaction (no session SET, no LISTEN, no session lock), so all of it works behind a
transaction-mode pooler such as PgBouncer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache, lru_cache, partial
from importlib import resources
from threading import Lock
from typing import TYPE_CHECKING, Any

from aeon_jobs.persistence.core import stored_json
from aeon_jobs.persistence.core.errors import JobsError
from aeon_jobs.persistence.core.settings import get_settings

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine, ExceptionContext, TextClause

# SQLAlchemy and psycopg2 are imported late: half of what a process would load that declares job types, and sends none yet.

CONNECT_TIMEOUT_S = 2
IDLE_LIMIT_S = 30.0


class Database:
    """A PostgreSQL database, seen through one schema.

    Lazy: the first connection is made at first use. A process that was forked later makes its own.
    """

    def __init__(self, dsn: str, *, schema: str = "public", pool_size: int = 10) -> None:
        self.schema = schema
        self._dsn, self._pool_size = dsn, pool_size
        self._engine: Engine | None = None
        self._making = Lock()
        self._pid = 0

    @property
    def engine(self) -> Engine:
        with self._making:
            if self._engine is None:
                self._engine = _engine(self._dsn, self._pool_size, self.schema)
                self._pid = os.getpid()
            elif self._pid != os.getpid():
                # Forked after first use: the connections are the parent's, and stay open.
                self._engine.dispose(close=False)
                self._pid = os.getpid()
            return self._engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a transaction: committed at the end, rolled back on an exception."""
        with self._begun() as connection:
            connection.exec_driver_sql(search_path(self.schema))
            yield connection

    @contextmanager
    def foreign_transaction(self) -> Iterator[Connection]:
        """A transaction for somebody else's tables: their names are looked up as the role's search path says."""
        with self._begun() as connection:
            yield connection.execution_options(schema_translate_map=None, job_foreign=True)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection on which every statement is a transaction of its own."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            # By psycopg2's own switch. SQLAlchemy's isolation level asks the server first, with a session SET: one more round
            # trip, and from a server that is gone an error that is none of SQLAlchemy's.
            raw = connection.connection.dbapi_connection
            assert raw is not None
            raw.autocommit = False
            try:
                with connection.begin():
                    yield connection
            finally:
                _restore_autocommit(connection, raw)

    def dispose(self) -> None:
        """Close every pooled connection."""
        if self._engine is not None:
            self._engine.dispose()


def _restore_autocommit(connection: Connection, raw: Any) -> None:
    import psycopg2

    try:
        raw.autocommit = True
    except psycopg2.Error:
        # Lost, or stuck in a transaction that could not be rolled back: of no use to anybody.
        connection.invalidate()


def search_path(schema: str) -> str:
    """Local to the transaction, hence safe behind a pooler. The name was validated as an identifier by the settings."""
    return f'SET LOCAL search_path TO "{schema}", pg_temp'


def run(connection: Connection, name: str, parameters: Mapping[str, Any] | None = None) -> CursorResult[Any]:
    """Execute a named statement: ``queue/cancel`` is persistence/queue/sql/cancel.sql.

    On a connection of ours it brings its own search path and time limit; on somebody else's see `borrowed`.
    """
    _read_uuids()
    return connection.execute(statement(name, *_surroundings(connection)), parameters)


def run_sql(connection: Connection, sql: str, parameters: Mapping[str, Any] | None = None) -> CursorResult[Any]:
    """As `run`, for one of the few statements that are put together: of constants, with all values as parameters."""
    return connection.execute(_prepared(sql, *_surroundings(connection)), parameters)


def hot_rows(connection: Connection, name: str, parameters: Mapping[str, Any]) -> list[Any]:
    """As `run`, for the few statements that every job needs: rows as tuples, by psycopg2 itself. SQLAlchemy's objects around a
    statement and its rows cost half as much again as all that PostgreSQL does.

    Raises:
        DBAPIError: as SQLAlchemy would raise it.
    """
    _read_uuids()
    return _rows(connection, _compiled(name, *_surroundings(connection)), parameters)


@cache
def _compiled(name: str, *surroundings: Any) -> str:
    from sqlalchemy.dialects.postgresql import psycopg2

    return str(statement(name, *surroundings).compile(dialect=psycopg2.dialect()))  # type: ignore[no-untyped-call]


def call(connection: Connection, function: str, argument: str, *, schema: str | None = None) -> Sequence[Any]:
    """Rows (tuples) of one of our functions that takes JSON. Its name is qualified, and it looks our tables up in its own
    schema: so it is a single statement on somebody else's connection, too. `schema`: ours, on such a connection.
    """
    name = qualified(connection, function, schema)
    if not _is_foreign(connection):
        sql = f"{time_limit(connection)}SELECT * FROM {name}(%s)"  # noqa: S608 (a name of ours)
        return _rows(connection, sql, (argument,))
    _read_uuids()
    return connection.execute(_called(name), {"argument": argument}).all()


def qualified(connection: Connection, name: str, schema: str | None = None) -> str:
    """The name of a table or function of ours. `schema`: ours, on somebody else's connection that is not `borrowed`."""
    schema = schema or _own_schema(connection)
    return f'"{schema}".{name}' if schema else name


def time_limit(connection: Connection) -> str:
    """What stands before a statement of ours, so that it ends in the time that is set; nothing in a session of others."""
    return _limits(*_surroundings(connection)[1:])


@lru_cache(maxsize=100)
def _called(name: str) -> TextClause:
    from sqlalchemy import text

    return text(f"SELECT * FROM {name}(CAST(:argument AS jsonb))")  # noqa: S608 (a name of ours)


def _rows(connection: Connection, sql: str, parameters: Any) -> list[Any]:
    with driver_errors(connection, sql), closing(connection.connection.cursor()) as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


@contextmanager
def driver_errors(connection: Connection, sql: str) -> Iterator[None]:
    """Errors of the driver become SQLAlchemy's, as those of its own statements do; a lost connection leaves the pool."""
    driver_error = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except driver_error as error:
        from sqlalchemy.exc import DBAPIError

        raw = connection.connection.dbapi_connection
        is_lost = _is_read_only(error) or connection.dialect.is_disconnect(error, raw, None)
        if is_lost:
            connection.invalidate(error)
        raise DBAPIError.instance(
            sql, None, error, driver_error, connection_invalidated=is_lost, dialect=connection.dialect
        ) from error


@cache
def _read_uuids() -> None:
    """Have psycopg2 read uuid columns as UUID, on callers' connections too."""
    import psycopg2.extras

    psycopg2.extras.register_uuid()  # type: ignore[no-untyped-call]


@cache
def statement(
    name: str, schema: str | None = None, limit_ms: int | None = None, lock_ms: int | None = None
) -> TextClause:
    """The named statement."""
    return _prepared(source(name), schema, limit_ms, lock_ms)


@cache
def source(name: str) -> str:
    """The text of the named statement."""
    folder, _, file = name.partition("/")
    return resources.files("aeon_jobs.persistence").joinpath(folder, "sql", f"{file}.sql").read_text()


@cache
def together(*names: str) -> str:
    """Several named statements as one, for `run_sql`: one transaction, one round trip. Its row has a column for each: the
    statement's rows as a list of dicts, or NULL. All of them see the tables as they were before."""
    columns = [name.rpartition("/")[2] for name in names]
    parts = ",\n".join(f"{column} AS (\n{source(name)})" for column, name in zip(columns, names, strict=True))
    answers = ", ".join(f"(SELECT jsonb_agg({column}) FROM {column}) AS {column}" for column in columns)  # noqa: S608 (names of our files)
    return f"WITH {parts}\nSELECT {answers}"


def _surroundings(connection: Connection) -> tuple[str | None, int | None, int | None]:
    options = connection.get_execution_options()
    limit_ms = options.get("job_limit_ms") or get_settings().database_statement_timeout
    return _own_schema(connection), None if _is_foreign(connection) else limit_ms, options.get("job_lock_ms")


def _own_schema(connection: Connection) -> str | None:
    """Of a connection of ours."""
    return connection.engine.get_execution_options().get("job_schema")


def _is_foreign(connection: Connection) -> bool:
    """Somebody else's, or ours that a handler has for its own tables."""
    return _own_schema(connection) is None or connection.get_execution_options().get("job_foreign", False)


@lru_cache(maxsize=2_000)
def _prepared(sql: str, schema: str | None, limit_ms: int | None, lock_ms: int | None) -> TextClause:
    """psycopg2 sends it as one simple query, so a leading SET LOCAL holds for it and no longer."""
    from sqlalchemy import text

    # In "public" too: a role's own search path may put somebody else's `jobs` before ours.
    path = f"{search_path(schema)};\n" if schema else ""
    return text(_limits(limit_ms, lock_ms) + path + sql)


def _limits(limit_ms: int | None, lock_ms: int | None) -> str:
    limit = f"SET LOCAL statement_timeout = {int(limit_ms)};\n" if limit_ms else ""
    return limit + (f"SET LOCAL lock_timeout = {int(lock_ms)};\n" if lock_ms else "")


def _engine(dsn: str, pool_size: int, schema: str) -> Engine:
    from sqlalchemy import create_engine, event

    _read_uuids()
    # Connections are in autocommit unless a transaction is asked for: a single statement, which is most of what we do, is then
    # one round trip instead of three.
    engine = create_engine(
        dsn,
        pool_size=pool_size,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",
        pool_timeout=5,
        pool_use_lifo=True,
        json_deserializer=stored_json.decode,
        # Not read from the server: saves round trips at connect, and PgBouncer has nothing to forward.
        use_native_hstore=False,
        execution_options={
            "job_schema": schema,
            "schema_translate_map": {None: schema},
        },
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "aeon-jobs",
            # A peer that vanished without a word (a partition, a pulled plug) is noticed within 10 s.
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        },
    )
    _close_idle(engine)
    event.listen(engine, "handle_error", partial(_advise, dsn))
    event.listen(engine, "handle_error", _leave_read_only)
    return engine


def _leave_read_only(context: ExceptionContext) -> None:
    """What was the primary may be read-only now: the next connection finds the server that can be written to."""
    if _is_read_only(context.original_exception) and context.connection and not _is_foreign(context.connection):
        context.is_disconnect = True


def _is_read_only(error: BaseException) -> bool:
    return getattr(error, "pgcode", None) == "25006"


NO_DATABASE_NAMED = (
    "No variable names a database, so the default address was tried. Set DATABASE_URL. While `aeon-jobs up` runs, this sets"
    ' it: eval "$(aeon-jobs env)"'
)


def _advise(dsn: str, context: ExceptionContext) -> None:
    """The error of a failed connection to the default address says what to do."""
    if context.connection is None and context.sqlalchemy_exception is not None:
        settings = get_settings()
        if dsn == settings.postgres_dsn and not settings.names_a_database:
            context.sqlalchemy_exception.add_note(NO_DATABASE_NAMED)


def _close_idle(engine: Engine) -> None:
    """A connection that rested for IDLE_LIMIT_S is replaced at checkout: firewalls and poolers drop such ones silently."""
    from sqlalchemy import event
    from sqlalchemy.exc import DisconnectionError

    @event.listens_for(engine, "checkin")
    def _note(_dbapi: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _check(_dbapi: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("idle_since", float("inf")) > IDLE_LIMIT_S:
            raise DisconnectionError


@lru_cache(maxsize=1)
def get_database() -> Database:
    """The process's database, from its settings."""
    settings = get_settings()
    return Database(settings.postgres_dsn, schema=settings.job_schema, pool_size=settings.database_pool_size)


# SQLSTATE classes that mean "the same statement may succeed in a moment". 25006: the server is read-only, as a primary is in
# the middle of a failover.
_TRANSIENT = ("08", "40", "53", "57P", "55P03", "25006")


def is_transient(error: BaseException) -> bool:
    """Whether the same statement may succeed a moment later: lost connection, restart, failover, deadlock,
    no connection free."""
    from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
    from sqlalchemy.exc import TimeoutError as PoolTimeout

    if isinstance(error, PoolTimeout | DisconnectionError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "pgcode", None)
    return isinstance(error, OperationalError) if code is None else code.startswith(_TRANSIENT)


@contextmanager
def borrowed(connection: Connection, schema: str | None) -> Iterator[None]:
    """Run our statements in somebody else's transaction, in our schema, and leave their search path as it was.

    In "public" too: what is called `jobs` on their path may be a table of theirs. No schema: nothing is to be done.
    """
    if schema is None or (not _is_foreign(connection) and _own_schema(connection) == schema):
        yield
        return
    before = connection.exec_driver_sql("SELECT current_setting('search_path')").scalar_one()
    connection.exec_driver_sql(search_path(schema))
    try:
        yield
    except JobsError:
        # Refused, not failed: the caller may well go on in the same transaction.
        _restore(connection, before)
        raise
    _restore(connection, before)


def _restore(connection: Connection, path: str) -> None:
    from sqlalchemy import text

    connection.execute(text("SELECT set_config('search_path', :path, true)"), {"path": path})
