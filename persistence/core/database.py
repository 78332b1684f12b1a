"""One bounded pool of connections, and the named SQL that runs on them.

Nothing here outlives a transaction (no session SET, no LISTEN, no session lock), so all of it works behind a
transaction-mode pooler such as PgBouncer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache, partial
from importlib import resources
from threading import Lock
from typing import TYPE_CHECKING, Any

from aeon_jobs.persistence.core.errors import JobsError
from aeon_jobs.persistence.core.settings import get_settings

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine, ExceptionContext, TextClause

# SQLAlchemy and psycopg2 are imported late: half of what a process would load that declares job types, and sends none yet.

CONNECT_TIMEOUT_S = 2
IDLE_LIMIT_S = 30.0


class Database:
    """A PostgreSQL database, seen through one schema.

    Lazy: the first connection is made at first use, so that a process may fork after building one.
    """

    def __init__(self, dsn: str, *, schema: str = "public", pool_size: int = 10) -> None:
        self.schema = schema
        self._dsn, self._pool_size = dsn, pool_size
        self._engine: Engine | None = None
        self._making = Lock()

    @property
    def engine(self) -> Engine:
        with self._making:
            if self._engine is None:
                self._engine = _engine(self._dsn, self._pool_size, self.schema)
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
    """Execute a named statement: ``queue/submit`` is persistence/queue/sql/submit.sql.

    On a connection of ours it brings its own search path and time limit; on somebody else's see `borrowed`.
    """
    _read_uuids()
    return connection.execute(statement(name, *_surroundings(connection)), parameters)


def run_sql(connection: Connection, sql: str, parameters: Mapping[str, Any] | None = None) -> CursorResult[Any]:
    """As `run`, for one of the few statements that are put together: of constants, with all values as parameters."""
    return connection.execute(_prepared(sql, *_surroundings(connection)), parameters)


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
    folder, _, file = name.partition("/")
    sql = resources.files("aeon_jobs.persistence").joinpath(folder, "sql", f"{file}.sql").read_text()
    return _prepared(sql, schema, limit_ms, lock_ms)


def _surroundings(connection: Connection) -> tuple[str | None, int | None, int | None]:
    schema = connection.engine.get_execution_options().get("job_schema")
    options = connection.get_execution_options()
    is_foreign = schema is None or options.get("job_foreign", False)
    return schema, None if is_foreign else get_settings().database_statement_timeout, options.get("job_lock_ms")


@lru_cache(maxsize=2_000)
def _prepared(sql: str, schema: str | None, limit_ms: int | None, lock_ms: int | None) -> TextClause:
    """psycopg2 sends it as one simple query, so a leading SET LOCAL holds for it and no longer."""
    from sqlalchemy import text

    # In "public" too: a role's own search path may put somebody else's `jobs` before ours.
    path = f"{search_path(schema)};\n" if schema else ""
    limit = f"SET LOCAL statement_timeout = {int(limit_ms)};\n" if limit_ms else ""
    lock = f"SET LOCAL lock_timeout = {int(lock_ms)};\n" if lock_ms else ""
    return text(limit + lock + path + sql)


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
    return engine


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
def borrowed(connection: Connection, schema: str) -> Iterator[None]:
    """Run our statements in somebody else's transaction, in our schema, and leave their search path as it was.

    In "public" too: what is called `jobs` on their path may be a table of theirs.
    """
    is_ours = connection.engine.get_execution_options().get("job_schema") == schema
    if is_ours and not connection.get_execution_options().get("job_foreign"):
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
