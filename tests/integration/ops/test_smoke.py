"""The smoke test: it passes where jobs run, and says what is wrong where they do not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from aeon_jobs.api.client import Client
from aeon_jobs.api.service import Jobs
from aeon_jobs.middleware import smoke_job
from aeon_jobs.ops.embedded import EmbeddedPostgres
from aeon_jobs.ops.smoke import Target, checks, run_checks
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings, get_settings
from aeon_jobs.persistence.queue import job_types
from tests.api_server import running_api
from tests.harness import Harness
from tests.rows import rows
from tests.terminal import Done, Terminal


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(monkeypatch, capsys)


def found(done: Done) -> dict[str, str]:
    return {check["name"]: check["status"] for check in done.json["checks"]}


def test_a_worker_with_job_types_of_its_own_alone_passes(harness: Harness, terminal: Terminal) -> None:
    """Such as `dramatiq their.jobs -Q mail`: no built-in job type, and one queue."""

    @harness.job(queue="mail")
    def welcome() -> None: ...

    with harness.working(queues={"mail"}):
        done = terminal("smoke", "--json")
    assert (done.code, done.json["passed"]) == (0, True), done
    assert found(done) == {
        "PostgreSQL": "ok",
        "schema": "ok",
        "Redis": "ok",
        "submission": "ok",
        "completion": "ok",
        "workers": "ok",
        "lost processes": "ok",
        "dispatcher": "warning",  # a worker has its role
        "scheduler": "skipped",  # no schedule needs one
        "statistics": "ok",
    }


def test_each_check_is_one_line_for_people(harness: Harness, terminal: Terminal) -> None:
    with harness.working():
        lines = terminal.ok("smoke").out.splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [["ok", "PostgreSQL"], ["ok", "schema"], ["ok", "Redis"]]
    assert lines[-1].startswith("the smoke test passed in ")


def test_a_paused_queue_and_a_backlog_do_not_stop_it(harness: Harness, terminal: Terminal) -> None:
    harness.execute("INSERT INTO job_queues (name, paused_at, paused_by) VALUES ('default', now(), 'me')")
    with harness.working():
        terminal.ok("smoke")


@pytest.fixture
def api(environment: Settings, database: Database, redis_client: redis.Redis) -> Iterator[Any]:
    with database.transaction() as connection:
        keys = {role: api_keys.create(connection, role, role) for role in ("viewer", "submitter")}
    with running_api(environment) as server:
        yield server.address, keys


def test_an_api_is_tested_with_a_key(
    api: Any, harness: Harness, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, keys = api
    with harness.working():
        monkeypatch.setenv("AEON_JOBS_API_KEY", keys["submitter"])
        done = terminal("smoke", "--api", address, "--json")
        assert (done.code, found(done)["completion"], found(done)["metrics"]) == (0, "ok", "ok"), done
        monkeypatch.setenv("AEON_JOBS_API_KEY", keys["viewer"])
        refused = terminal("smoke", "--api", address, "--json")
    assert (refused.code, found(refused)["job"]) == (1, "error")
    assert keys["viewer"] not in refused.out


def test_an_api_that_is_away(terminal: Terminal) -> None:
    done = terminal("smoke", "--api", "http://127.0.0.1:9", "--json")
    assert (done.code, found(done)) == (1, {"API": "error", "everything else": "skipped"})


def test_without_a_worker_it_fails_says_why_and_leaves_no_job(
    environment: Settings, database: Database, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as connection:
        job_types.register(connection, [smoke_job.DEFINITION])
    monkeypatch.setattr(checks, "JOB_TIMEOUT_S", 0.2)
    with Jobs.from_settings(environment) as jobs:
        results = {result.name: result for result in run_checks(Target(jobs, environment))}
    assert results["completion"].status == "error"
    assert "no live worker" in results["completion"].detail
    assert results["workers"].status == results["dispatcher"].status == "error"
    assert rows(database, "SELECT status FROM jobs") == [("cancelled",)]


def test_a_server_that_is_silent_ends_it_in_time(
    private_postgres: EmbeddedPostgres,
    environment: Settings,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", private_postgres.url)
    get_settings.cache_clear()
    settings = get_settings()
    with Jobs.from_settings(settings) as jobs:
        os.kill(private_postgres.pid, signal.SIGSTOP)
        try:
            results = list(run_checks(Target(jobs, settings), within_s=1))
        finally:
            os.kill(private_postgres.pid, signal.SIGCONT)
    assert [(result.name, result.status) for result in results] == [
        ("servers", "error"),
        ("everything else", "skipped"),
    ]
    assert "no answer within 1 s" in results[0].detail


def test_a_broken_address_is_wrong_input(terminal: Terminal) -> None:
    assert terminal("smoke", "--api", "localhost").code == 2


def test_a_server_that_is_no_api(api: Any) -> None:
    address, _keys = api
    with Client(f"{address}/api", None) as jobs:
        results = list(run_checks(Target(jobs, address=f"{address}/api")))
    assert [result.status for result in results] == ["error", "skipped"]
