"""The doctor: each problem is caused for real, and found; a healthy system has none."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
from sqlalchemy import make_url

from aeon_jobs.api.client import Client, Retries
from aeon_jobs.api.service.checks.finding import Finding
from aeon_jobs.ops.doctor import run_checks, run_remote_checks
from aeon_jobs.ops.doctor.checks import clocks
from aeon_jobs.ops.doctor.checks.pooler import pooler
from aeon_jobs.ops.doctor.context import Context, Limits
from aeon_jobs.ops.embedded import EmbeddedPostgres, EmbeddedRedis
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings, get_settings, load_settings
from tests.api_server import running_api
from tests.leaks import ignore
from tests.rows import NOTE, add_job, register, rows
from tests.terminal import Terminal
from tests.waiting import wait_for

STRICT = Limits(long_transaction_s=0, idle_in_transaction_s=0)


@pytest.fixture
def doctor(
    environment: Settings,
    database: Database,
    redis_client: redis.Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Checks the deployment of the environment; returns the findings by name."""
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    register(database)

    def run(limits: Limits | None = None) -> dict[str, Finding]:
        get_settings.cache_clear()
        return {finding.name: finding for finding in run_checks(limits=limits)}

    return run


def process(database: Database, kind: str, id_: str = "", silent_s: float = 0, **columns: Any) -> str:
    """A process of ours, as it would have registered."""
    id_ = id_ or f"{kind}-1"
    given = {"state": "running", "threads": 8, "queues": ["default"], "job_types": ["note"], **columns}
    rows(
        database,
        "INSERT INTO workers (id, kind, hostname, boot_id, pid_namespace, pid, process_started_at, version, state, threads,"
        " queues, job_types, last_seen_at) VALUES (:id, :kind, 'h', 'b', 'n', 1, 0, '1', :state, :threads, :queues,"
        " :job_types, now() - :silent_s * interval '1 second')",
        id=id_,
        kind=kind,
        silent_s=silent_s,
        **given,
    )
    return id_


def test_a_healthy_system_has_no_error(doctor: Any, database: Database) -> None:
    process(database, "worker")
    process(database, "dispatcher", threads=0)
    findings = doctor()
    assert {name: f.detail for name, f in findings.items() if f.status == "error"} == {}
    for name in ("PostgreSQL", "schema", "pooler", "autovacuum", "workers", "dispatcher", "Redis", "disk of DATA_ROOT"):
        assert findings[name].status == "ok", findings[name]


# --- PostgreSQL ---------------------------------------------------------------------------------


def test_a_server_that_is_not_there_is_one_error_and_skips_the_rest(
    doctor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres@/nothing?host=/nonexistent")
    findings = doctor()
    assert findings["PostgreSQL"].status == "error"
    assert findings["what is in PostgreSQL"].status == "skipped"
    assert findings["Redis"].status == "ok"
    assert "workers" not in findings


def test_a_schema_that_is_missing_or_changed(doctor: Any, database: Database) -> None:
    rows(database, "UPDATE job_migrations SET checksum = 'another' WHERE version = 1")
    assert "changed since they were applied: 0001_" in doctor()["schema"].detail
    rows(database, "DELETE FROM job_migrations WHERE version = 2")
    found = doctor()
    assert (found["schema"].status, found["schema"].remedy) == ("error", "aeon-jobs migrate up")
    assert found["processes, queues, jobs"].status == "skipped"


def test_autovacuum_switched_off_for_a_table(doctor: Any, database: Database) -> None:
    rows(database, "ALTER TABLE jobs SET (autovacuum_enabled = false)")
    assert (doctor()["autovacuum"].status, doctor()["autovacuum"].detail) == ("error", "off for jobs")


def test_autovacuum_switched_off_for_the_server(private_postgres: EmbeddedPostgres, monkeypatch: Any) -> None:
    monkeypatch.setenv("DATABASE_URL", private_postgres.url)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9")
    with _plain(private_postgres.url) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET autovacuum = off")
        cursor.execute("SELECT pg_reload_conf()")

    def autovacuum() -> Finding | None:
        findings = {finding.name: finding for finding in run_checks()}
        return findings["autovacuum"] if findings["autovacuum"].status == "error" else None

    assert wait_for(autovacuum, "the new configuration").detail == "off for the whole server"


@contextmanager
def _plain(url: str) -> Iterator[Any]:
    connection = psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


def test_a_transaction_that_stays_open(doctor: Any, database: Database) -> None:
    with _plain(database.engine.url.render_as_string(hide_password=False)) as connection:
        connection.autocommit = False
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        found = doctor(STRICT)["long transactions"]
        assert found.status == "warning"
        assert f"pg_terminate_backend({pid})" in found.remedy
        assert "idle in transaction" in found.detail
        assert doctor()["long transactions"].status == "ok"
        connection.rollback()


def test_connections_that_run_out(doctor: Any) -> None:
    assert doctor(Limits(connections=(0.0, 0.99)))["connections"].status == "warning"
    assert doctor(Limits(connections=(0.0, 0.0)))["connections"].status == "error"


# --- the pooler ---------------------------------------------------------------------------------

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def pgbouncer(url: str, mode: str, directory: Path) -> Iterator[str]:
    """The database of `url` behind PgBouncer."""
    server = make_url(url)
    host = server.query.get("host") or server.host
    config = directory / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n* = host={host} port={server.port or 5432} user={server.username}\n"
        f"[pgbouncer]\nlisten_addr =\nunix_socket_dir = {directory}\nlisten_port = 6432\nauth_type = any\n"
        f"pool_mode = {mode}\nignore_startup_parameters = extra_float_digits\nadmin_users = x\n"
    )
    # It refuses to be root, and embedded PostgreSQL lets nobody but its own account near its socket.
    account = Path(str(host)).owner() if str(host).startswith("/") else "nobody"
    user = ["-u", account] if os.geteuid() == 0 else []
    directory.chmod(0o777)
    child = subprocess.Popen([str(PGBOUNCER), "-q", *user, str(config)], stderr=subprocess.DEVNULL)
    ignore(child.pid)
    try:
        wait_for((directory / ".s.PGSQL.6432").exists, "pgbouncer")
        yield f"postgresql://{server.username}@/{server.database}?host={directory}&port=6432"
    finally:
        child.terminate()
        child.wait(10)


@pytest.mark.skipif(PGBOUNCER is None, reason="no pgbouncer here")
@pytest.mark.parametrize(
    ("mode", "status", "words"),
    [
        ("transaction", "ok", "a pooler is in use, in transaction mode"),
        ("session", "ok", "a pooler is in use, in session mode"),
        ("statement", "error", "transactions are refused"),
    ],
)
def test_a_pooler_and_its_mode_are_told(
    mode: str, status: str, words: str, settings: Settings, private_dir: Path, database: Database
) -> None:
    with pgbouncer(settings.postgres_dsn, mode, private_dir) as url:
        behind = load_settings(database_url=url)
        pooled = Database(behind.postgres_dsn)
        found = pooler(Context(behind, pooled, redis.Redis()))
        pooled.dispose()
    assert (found.status, found.detail[: len(words)]) == (status, words)


# --- Redis --------------------------------------------------------------------------------------


def test_a_redis_that_is_not_there(doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9")
    findings = doctor()
    assert findings["Redis"].status == "error"
    assert findings["what is in Redis"].status == "skipped"


def test_a_redis_that_evicts(doctor: Any, private_redis: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", private_redis.url)
    assert doctor()["Redis maxmemory-policy"].status == "ok"
    assert doctor()["Redis AOF"].status == "warning"
    with redis.Redis.from_url(private_redis.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("appendonly", "yes")
        client.config_set("maxmemory", "1mb")
    findings = doctor()
    assert (findings["Redis maxmemory-policy"].status, findings["Redis maxmemory-policy"].detail) == (
        "error",
        "allkeys-lru",
    )
    assert findings["Redis AOF"].status == "ok"
    assert findings["Redis memory"].status in ("warning", "error")


def test_a_redis_shared_with_others(doctor: Any, redis_client: redis.Redis) -> None:
    for ours in ("aeon-jobs:default", "aeon-jobs:api:limit:x", "job:cancel:1", "worker:heartbeat:w"):
        redis_client.set(ours, 1)
    assert doctor()["Redis keys of others"].status == "ok"
    redis_client.set("sessions:42", 1)
    found = doctor()["Redis keys of others"]
    assert (found.status, found.detail) == ("warning", "1 in the same database, such as sessions…")


def test_a_slow_redis(doctor: Any) -> None:
    assert doctor(Limits(redis_latency_ms=(0, 1e9)))["Redis latency"].status == "warning"


# --- clocks, environment, disk ------------------------------------------------------------------


@pytest.mark.parametrize(("skew_s", "status"), [(0, "ok"), (-5, "warning"), (3_600, "error")])
def test_clocks_that_disagree(skew_s: float, status: str, doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "time", _Clock(skew_s))
    findings = doctor()
    for name in ("clock against PostgreSQL", "clock against Redis"):
        assert findings[name].status == status, findings[name]
        assert ("behind" in findings[name].detail) == (skew_s < 0) or skew_s == 0


class _Clock:
    def __init__(self, skew_s: float) -> None:
        self._skew_s = skew_s

    def time(self) -> float:
        return time.time() + self._skew_s


def test_variables_misspelt_ignored_doubled_and_wrong(doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_CONCURENCY", "3")
    monkeypatch.setenv("POSTGRES_HOST", "elsewhere")
    monkeypatch.setenv("REDIS_DB", "3")
    told = [(f.status, f.detail, f.remedy) for f in run_checks() if f.name == "environment"]
    assert ("warning", "WORKER_CONCURENCY is not a setting", "did you mean WORKER_CONCURRENCY?") in told
    assert any("POSTGRES_HOST is ignored: DATABASE_URL is set" in detail for _, detail, _ in told)
    assert any("REDIS_DB is ignored: REDIS_URL is set" in detail for _, detail, _ in told)

    monkeypatch.setenv("SMTP_PASSWORD", "hush")
    monkeypatch.setenv("SMTP_PASSWORD_FILE", "/run/secrets/smtp")
    monkeypatch.setenv("API_PORT", "hush")
    findings = run_checks()
    assert findings[-1] == Finding("everything else", "skipped", "the settings are not usable")
    assert any("SMTP_PASSWORD and SMTP_PASSWORD_FILE are both set" in f.detail for f in findings)
    assert not any("hush" in f.detail + f.remedy for f in findings)


def test_a_data_root_that_is_missing_or_full(doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor(Limits(disk_free_bytes=10**18))["disk of DATA_ROOT"].status == "warning"
    monkeypatch.setenv("DATA_ROOT", "/no/such/folder")
    assert doctor()["disk of DATA_ROOT"].status == "warning"


# --- processes and jobs -------------------------------------------------------------------------


def test_no_process_at_all(doctor: Any) -> None:
    findings = doctor()
    assert [findings[name].status for name in ("workers", "dispatcher")] == ["error", "error"]
    assert findings["scheduler"].status == "skipped"


def test_processes_that_ended_without_a_clean_shutdown(doctor: Any, database: Database) -> None:
    process(database, "worker", "silent", silent_s=60)
    process(database, "worker", "gone", state="lost")
    process(database, "worker", "stopped", state="stopped", silent_s=600)
    process(database, "dispatcher", threads=4)
    findings = doctor()
    assert findings["workers"].status == "error"
    assert findings["lost processes"].detail == "2 ended without a clean shutdown: gone, silent"
    assert (findings["dispatcher"].status, "a worker dispatches" in findings["dispatcher"].detail) == ("warning", True)


def test_a_schedule_without_a_scheduler(doctor: Any, database: Database) -> None:
    rows(
        database,
        "INSERT INTO job_schedules (name, job_type, cron, next_run_at)"
        " VALUES ('s', 'note', '* * * * *', now() - interval '10 minutes')",
    )
    assert "s late: no scheduler works" in doctor()["scheduler"].detail
    rows(database, "UPDATE job_schedules SET next_run_at = now() + interval '1 minute'")
    assert (doctor()["scheduler"].status, doctor()["scheduler"].detail[:13]) == ("error", "none is alive")
    process(database, "scheduler")
    assert doctor()["scheduler"].status == "ok"


def test_jobs_without_a_worker(doctor: Any, database: Database) -> None:
    process(database, "worker")
    process(database, "dispatcher", threads=0)
    add_job(database)
    register(database, _job_type("rare", "rare"))
    add_job(database, job_type="rare", queue_name="rare")
    findings = doctor()
    assert (findings["queues without workers"].status, findings["queues without workers"].detail) == ("error", "rare")
    assert findings["job types without workers"].detail == "rare in queue rare (1)"
    process(database, "worker", "worker-2", queues=["rare"], job_types=["rare"])
    findings = doctor()
    assert findings["queues without workers"].status == "ok"
    assert findings["job types without workers"].status == "ok"


def test_a_job_type_that_is_known_in_another_queue_only(doctor: Any, database: Database) -> None:
    register(database, _job_type("rare", "rare"))
    process(database, "worker", "one", queues=["default"], job_types=["note", "rare"])
    process(database, "worker", "two", queues=["rare"], job_types=["note"])
    add_job(database, job_type="rare", queue_name="rare")
    assert doctor()["job types without workers"].detail == "rare in queue rare (1)"


def test_a_job_type_that_two_services_define_differently(doctor: Any, database: Database) -> None:
    for id_, digest in [("billing", "a"), ("shipping", "b"), ("stopped", "c")]:
        process(database, "worker", id_, state="stopped" if id_ == "stopped" else "running")
        sql = "UPDATE workers SET schema_digests = jsonb_build_object('note', CAST(:digest AS text)) WHERE id = :id"
        rows(database, sql, digest=digest, id=id_)
    found = doctor()["job types with two schemas"]
    assert (found.status, found.detail) == ("warning", "note: billing, shipping")
    rows(database, "UPDATE workers SET state = 'stopped' WHERE id = 'billing'")
    assert doctor()["job types with two schemas"].status == "ok"


def _job_type(name: str, queue: str) -> Any:
    return type(NOTE)(**{**NOTE.model_dump(), "name": name, "queue_name": queue})


def test_waiting_jobs_and_open_dead_letters(doctor: Any, database: Database) -> None:
    assert doctor()["oldest waiting job"].detail == "no job waits"
    job_id = add_job(database)
    found = doctor(Limits(oldest_job_s=(0, 3_600)))["oldest waiting job"]
    assert (found.status, f"aeon-jobs explain {job_id}" in found.remedy) == ("warning", True)
    rows(database, "INSERT INTO job_queues (name, paused_at, paused_by) VALUES ('default', now(), 'me')")
    assert doctor(Limits(oldest_job_s=(0, 3_600)))["oldest waiting job"].detail == "no job waits"

    rows(database, "INSERT INTO dead_letter_jobs (reason) SELECT 'corrupt' FROM generate_series(1, 51)")
    assert doctor()["open dead letters"].status == "warning"


# --- through an API -----------------------------------------------------------------------------


@pytest.fixture
def remote(environment: Settings, database: Database, redis_client: redis.Redis) -> Iterator[Any]:
    """Checks the deployment through its API; returns the findings by name."""
    register(database)
    with database.transaction() as connection:
        key = api_keys.create(connection, "doctor", "viewer")
    with running_api(environment) as server:

        def run(key: str = key, address: str = server.address) -> dict[str, Finding]:
            with Client(address, key, retries=Retries(most=0)) as jobs:
                return {finding.name: finding for finding in run_remote_checks(address, jobs)}

        yield run


def test_an_api_tells_what_it_knows(remote: Any, database: Database) -> None:
    process(database, "worker")
    process(database, "dispatcher", threads=0)
    findings = remote()
    assert [found for found in findings.values() if found.status == "error"] == []
    assert {"API", "API: postgres", "API: redis", "API key"} <= findings.keys()
    assert (findings["workers"].status, findings["dispatcher"].status) == ("ok", "ok")
    assert findings["API key"].detail == "accepted: doctor, role viewer"


def test_an_api_tells_of_jobs_without_a_worker(remote: Any, database: Database) -> None:
    register(database, _job_type("rare", "default"))
    add_job(database, job_type="rare")
    blocked = add_job(database)
    rows(database, "UPDATE jobs SET scheduled_at = now() + interval '1 hour' WHERE id = :id", id=blocked)
    rows(database, "UPDATE jobs SET created_at = now() - interval '2 hours' WHERE job_type = 'rare'")
    rows(database, "INSERT INTO dead_letter_jobs (reason) SELECT 'corrupt' FROM generate_series(1, 51)")
    findings = remote()
    assert findings["workers"].status == "error"
    assert findings["queues without workers"].status == "error"
    assert findings["job types without workers"].detail == "rare in queue default (1)"
    assert (findings["oldest waiting job"].status, "rare in queue" in findings["oldest waiting job"].detail) == (
        "error",
        True,
    )
    assert findings["open dead letters"].status == "warning"
    rows(database, "INSERT INTO job_queues (name, paused_at, paused_by) VALUES ('default', now(), 'me')")
    assert remote()["oldest waiting job"].status == "ok"


def test_an_api_that_is_away_or_another_or_refuses_the_key(remote: Any) -> None:
    away = remote(address="http://127.0.0.1:9")
    assert [found.status for found in away.values()] == ["error", "skipped"]
    refused = remote(key="aeon_wrong")
    assert (refused["API key"].status, refused["processes, queues, jobs"].status) == ("error", "skipped")
    assert "aeon_wrong" not in str(refused)


def test_the_command_checks_the_api_that_is_named(
    remote: Any, environment: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal(monkeypatch, capsys)
    done = terminal("doctor", "--api", "http://127.0.0.1:9", "--json")
    assert (done.code, [finding["name"] for finding in done.json]) == (1, ["API", "everything else"])
    assert terminal("doctor", "--api", "localhost").code == 2


# --- as a command -------------------------------------------------------------------------------


def test_the_command_shows_a_remedy_and_fails(
    doctor: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database: Database
) -> None:
    terminal = Terminal(monkeypatch, capsys)
    done = terminal("doctor")
    assert done.code == 1
    assert "aeon-jobs worker" in done.out
    findings = terminal("doctor", "--json").json
    assert {"name", "status", "detail", "remedy"} == findings[0].keys()
    process(database, "worker")
    process(database, "dispatcher", threads=0)
    assert terminal("doctor").code == 0


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "postgresql://u:hush@word:hush@localhost/x"),
        ("DATABASE_URL", "postgresql://localhost/x?hush=1"),
        ("DATABASE_URL", "postgresql:///x?host=/tmp&port=hush"),
        ("REDIS_URL", "redis://:pw@x:hush/0"),
        ("REDIS_URL", "hush"),
    ],
)
def test_an_address_that_cannot_be_read_is_named_and_not_shown(
    name: str, url: str, doctor: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, url)
    get_settings.cache_clear()
    terminal = Terminal(monkeypatch, capsys)
    done = terminal("list")
    assert (done.code, done.err.startswith(f"error: {name}: ")) == (2, True)
    assert "hush" not in done.err
    checked = terminal("doctor")
    assert checked.code == 1
    assert f"{name}: " in checked.out
    assert "hush" not in checked.out + checked.err


def test_no_finding_shows_a_secret(doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hush-hush@127.0.0.1:9/x")
    monkeypatch.setenv("REDIS_URL", "redis://:hush-hush@127.0.0.1:9/0")
    assert "hush-hush" not in str(run_checks())
