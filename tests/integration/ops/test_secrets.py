"""No secret shows: not when an address cannot be read, not when a server refuses it, not in a list of processes."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis

from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings, get_settings
from tests.group import ours, workers
from tests.terminal import Terminal
from tests.waiting import wait_for

SECRET = "hunter2"
MALFORMED = [
    ("DATABASE_URL", f"postgresql://u:{SECRET}@h:port/d"),
    ("DATABASE_URL", f"postgresql://u:p@{SECRET}@h/d"),
    ("DATABASE_URL", f"postgresql://u:p#{SECRET}@h/d"),
    ("DATABASE_URL", f"postgresql://u:p%{SECRET}@h/d"),
    ("DATABASE_URL", f"postgresql://u:{SECRET}"),
    ("DATABASE_URL", f"mysql://u:{SECRET}@h/d"),
    ("DATABASE_URL", f"postgresql://u:p {SECRET}@h/d"),
    ("REDIS_URL", f"redis://:{SECRET}\u2100@h/0"),
    ("REDIS_URL", f"redis://:1#{SECRET}@h/0"),
    ("REDIS_URL", f"redis://:{SECRET}"),
]
COMMANDS = [
    *(["list"], ["submit", "echo"], ["watch"], ["queues", "list"], ["keys", "list"], ["migrate", "up"], ["doctor"]),
    *(["api"], ["worker"], ["dispatcher"], ["scheduler"], ["up"]),
]
FAILING = """
import sys
from litestar.testing import TestClient
from aeon_jobs.api.http.app import create_app
with TestClient(create_app(), raise_server_exceptions=False) as client:
    print(client.get("/api/queues", headers={"authorization": f"Bearer {sys.argv[1]}"}).status_code)
"""
SERVER = ["-m", "uvicorn", "--factory", "aeon_jobs.api.http.app:create_app", "--port", "0"]
BARE_WORKERS = ["-m", "dramatiq", "aeon_jobs.actors", "-p", "1", "-t", "1"]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_names_the_variable_and_shows_nothing_of_it(
    command: list[str], terminal: Terminal, monkeypatch: pytest.MonkeyPatch, private_dir: Path
) -> None:
    for name in ("LOG_FORMAT", "WORKER_SHUTDOWN_TIMEOUT", "PYTHONUNBUFFERED"):  # `up` sets them
        monkeypatch.setenv(name, os.environ.get(name, ""))
    where = ["--data-dir", str(private_dir)] if command == ["up"] else []
    for variable, url in MALFORMED:
        with monkeypatch.context() as patch:
            patch.setenv(variable, url)
            get_settings.cache_clear()
            done = terminal(*command, *where)
        said = done.out + done.err
        assert (done.code, f"{variable}: " in said) == (1 if command == ["doctor"] else 2, True), (url, said)
        assert SECRET not in said


@pytest.mark.parametrize(("variable", "url"), [MALFORMED[1], MALFORMED[7]], ids=["postgres", "redis"])
@pytest.mark.parametrize("command", [SERVER, BARE_WORKERS], ids=["uvicorn", "dramatiq"])
def test_so_do_processes_that_are_started_without_our_commands(command: list[str], variable: str, url: str) -> None:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=os.environ | {variable: url}, timeout=60
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert f"SettingsError: {variable}: cannot be read as an address" in said
    assert SECRET not in said


def test_a_request_that_fails_leaves_no_key_in_the_log_of_a_bare_uvicorn(
    environment: Settings, database: Database
) -> None:
    """The log is not set up there, and structlog's own tracebacks show local variables."""
    with database.transaction() as connection:
        key = api_keys.create(connection, "reader", "viewer")
        connection.exec_driver_sql("DROP TABLE job_queues CASCADE")
    done = subprocess.run(
        [sys.executable, "-c", FAILING, key],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "400"},
        timeout=60,
    )
    said = done.stdout + done.stderr
    assert (done.returncode, "500" in done.stdout, "UndefinedTable" in said) == (0, True, True), said
    assert key.rpartition("_")[2] not in said


def test_an_address_of_an_api_and_its_key_are_not_shown(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    for address in (f"http://u:{SECRET}@127.0.0.1:9", f"http://u:p@{SECRET}@h:9", f"http://u:{SECRET}@[x", SECRET):
        done = terminal("queues", "list", "--api", address)
        assert (done.code in {2, 5}, len(done.err.splitlines())) == (True, 1), done
        assert SECRET not in done.err
    for key in (f"{SECRET}\u00e9", f"{SECRET}\n{SECRET}", f"{SECRET}\x00"):
        with monkeypatch.context() as patch:
            patch.setattr(os, "environ", {**os.environ, "AEON_JOBS_API_KEY": key})
            done = terminal("queues", "list", "--api", "http://127.0.0.1:9")
        assert (done.code, len(done.err.splitlines())) == (2, 1), done
        assert SECRET not in done.err


# --- servers that refuse ------------------------------------------------------------------------


@pytest.fixture
def strict(private_postgres: EmbeddedPostgres, private_redis: EmbeddedRedis, private_dir: Path) -> Settings:
    """Both servers want passwords, and are given wrong ones."""
    with closing(psycopg2.connect(private_postgres.url)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE ROLE ann LOGIN PASSWORD 'right'")
        connection.commit()
        (hba,) = private_dir.rglob("pg_hba.conf")
        hba.write_text("local all ann scram-sha-256\nlocal all all trust\n")
        cursor.execute("SELECT pg_reload_conf()")
    wrong = private_postgres.url.replace("postgres@", f"ann:{SECRET}@", 1)
    user, _, socket = private_redis.url.rpartition("@")
    assert user
    return Settings(database_url=wrong, redis_url=f"unix://:{SECRET}@{socket}")


def refused(settings: Settings) -> bool:
    """The new rules take a moment."""
    try:
        psycopg2.connect(settings.postgres_dsn.replace("+psycopg2", "")).close()
    except psycopg2.OperationalError as error:
        return "password authentication failed" in str(error)
    return False


def test_a_password_that_a_server_refuses_is_not_shown(
    strict: Settings, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, private_dir: Path
) -> None:
    wait_for(lambda: refused(strict), "the server asks for passwords")
    with pytest.raises(redis.AuthenticationError), redis.Redis.from_url(strict.redis_dsn) as client:
        client.ping()
    monkeypatch.setenv("DATABASE_URL", strict.postgres_dsn)
    monkeypatch.setenv("REDIS_URL", strict.redis_dsn)
    get_settings.cache_clear()
    listed = terminal("list")
    assert (listed.code, "password authentication failed" in listed.err) == (5, True)
    examined = terminal("doctor")
    assert examined.code == 1
    assert SECRET not in listed.err + examined.out + examined.err

    log = private_dir / "log"
    for group in (ours("dispatcher", strict, log), workers(strict, log, processes=1, threads=1)):
        log.write_text("")
        with group:
            wait_for(lambda: "password" in log.read_text(), "the log tells of it")
            assert SECRET not in str([words(process) for process in group.processes()])
        assert SECRET not in log.read_text()


def words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
