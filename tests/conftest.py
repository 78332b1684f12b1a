"""Fixtures for all tests: real servers, and a check that no test leaves a thread or a process behind.

    postgres_url, redis_url     one server each per session: embedded, or those of DATABASE_URL and REDIS_URL
    database                    a migrated database for this test, copied from a template (about 40 ms)
    redis_client                a client of an empty Redis
    settings                    Settings for these two
    environment                 the same as environment variables, for code that reads them and for child processes
    harness                     a broker, and a worker on request, in the process of the test
    private_postgres, private_redis     servers for this test alone, which it may stop and kill

Folders: unit (no IO), integration (real servers), faults (real kills), e2e (the CLI, a browser).
"""

from __future__ import annotations

import itertools
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import hypothesis
import psycopg2
import pytest
import redis
from sqlalchemy import make_url

from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database, get_database
from aeon_jobs.persistence.core.settings import Settings, get_settings, load_settings, variable_names
from tests.harness import Harness, open_harness
from tests.leaks import adopt_orphans, ignore, leaks, short_directory, wait_until_empty

# A time limit for each example says how busy the machine is, and nothing about the code.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

# In the background of a shell, or with nohup, signals are ignored. Child processes inherit this, and could not be stopped.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)

# Read before `_clean_environment` below clears them.
GIVEN_DATABASE_URL = os.environ.get("DATABASE_URL")
GIVEN_REDIS_URL = os.environ.get("REDIS_URL")


# --- per session --------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def _adopt_orphans() -> None:
    """A grandchild whose parent was killed becomes our child. So `_leaves_nothing_running` finds it."""
    adopt_orphans()


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """A directory with a short path: the paths of pytest's own directories are too long for sockets."""
    with short_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def postgres_url(short_dir: Path) -> Iterator[str]:
    """A temporary database: on the server of DATABASE_URL if it is set, else on an embedded server."""
    if GIVEN_DATABASE_URL is not None:
        with _temporary_database(GIVEN_DATABASE_URL) as url:
            yield url
        return
    with EmbeddedPostgres(short_dir / "pg", durable=False) as server:
        ignore(server.pid)
        yield server.url


@pytest.fixture(scope="session")
def redis_url(short_dir: Path) -> Iterator[str]:
    """An empty Redis database. Tests flush it, so REDIS_URL must name an empty one."""
    if GIVEN_REDIS_URL is None:
        with EmbeddedRedis(short_dir / "redis", durable=False) as server:
            ignore(server.pid)
            yield server.url
        return
    with redis.Redis.from_url(GIVEN_REDIS_URL) as client:
        if client.dbsize():
            pytest.exit("REDIS_URL names a database that is not empty; tests flush it: give another number", 2)
        yield GIVEN_REDIS_URL
        client.flushdb()


@pytest.fixture(scope="session")
def _template(postgres_url: str) -> str:
    """Migrates the temporary database; its name."""
    database = Database(_dsn(postgres_url))
    migrate.up(database)
    database.dispose()  # a template must have no connections
    return cast(str, make_url(postgres_url).database)


# --- per test -----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _leaves_nothing_running() -> Iterator[None]:
    """Fails a test that leaves a thread or a process behind."""
    with leaks() as found:
        yield
    if found:
        pytest.fail(f"left running: {', '.join(found)}")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees settings of the developer, or of another test."""
    for name in (*variable_names(), "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    get_settings.cache_clear()
    yield
    if get_database.cache_info().currsize:
        get_database().dispose()
    get_database.cache_clear()
    get_settings.cache_clear()


@pytest.fixture
def database_url(postgres_url: str, _template: str) -> Iterator[str]:
    """The url of a migrated, empty database for this test. It fails if a connection stays open."""
    with database_from(_template, postgres_url) as url:
        yield url


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.postgres_dsn, schema=settings.job_schema)
    yield database
    database.dispose()


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    return load_settings(database_url=database_url, redis_url=redis_url)


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Puts `settings` into the environment of this process, for get_settings() and child processes."""
    monkeypatch.setenv("DATABASE_URL", settings.postgres_dsn)
    monkeypatch.setenv("REDIS_URL", settings.redis_dsn)
    monkeypatch.setenv("WORKER_POLL_INTERVAL", "100")  # so an idle worker stops soon
    get_settings.cache_clear()
    return settings


@pytest.fixture
def harness(environment: Settings, redis_client: redis.Redis) -> Iterator[Harness]:
    """A broker for job types that the test declares; `harness.working()` runs a worker."""
    with open_harness() as harness:
        yield harness


@pytest.fixture
def private_dir() -> Iterator[Path]:
    """A directory with a short path, for this test."""
    with short_directory() as directory:
        yield directory


@pytest.fixture
def private_postgres(private_dir: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(private_dir / "pg", durable=False) as server:
        yield server


@pytest.fixture
def private_redis(private_dir: Path) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(private_dir / "redis", durable=False) as server:
        yield server


# --- internals ----------------------------------------------------------------------------------------

_serial = itertools.count(1)


@contextmanager
def database_from(template: str, server: str) -> Iterator[str]:
    """The url of a copy of the template."""
    name = f"{template}_{next(_serial)}"
    with _administration(server) as execute:
        execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        yield _of_database(server, name)
        _refuse_open_connections(execute, name)
        execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _dsn(url: str) -> str:
    return load_settings(database_url=url).postgres_dsn


def _of_database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def _administration(url: str) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """A function that executes one statement on the server's maintenance database."""
    plain = make_url(_of_database(url, "postgres")).set(drivername="postgresql")
    connection = psycopg2.connect(plain.render_as_string(hide_password=False))
    connection.autocommit = True

    def execute(statement: str, *values: object) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    try:
        yield execute
    finally:
        connection.close()


@contextmanager
def _temporary_database(server: str) -> Iterator[str]:
    name = f"aeon_jobs_test_{secrets.token_hex(4)}"
    with _administration(server) as execute:
        execute(f'CREATE DATABASE "{name}"')
        yield _of_database(server, name)
        execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _refuse_open_connections(execute: Callable[..., list[tuple[Any, ...]]], name: str) -> None:
    """PostgreSQL needs a moment to notice that a client has disconnected."""
    query = (
        "SELECT pid, application_name, state, left(query, 80) FROM pg_stat_activity"
        " WHERE datname = %s AND backend_type = 'client backend'"
    )
    if found := wait_until_empty(lambda: execute(query, name)):
        execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        pytest.fail(f"left connections open: {found}")
