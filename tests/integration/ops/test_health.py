"""`aeon-jobs health`, as the health check of a container runs it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import redis

from aeon_jobs.ops import entry_point, health
from aeon_jobs.ops.presence import present
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings, get_settings
from tests.api_server import running_api
from tests.harness import Harness
from tests.rows import rows
from tests.terminal import Terminal
from tests.waiting import wait_for


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(monkeypatch, capsys)


def test_a_worker_is_healthy_while_it_sends_heartbeats(harness: Harness, terminal: Terminal) -> None:
    with harness.working():
        wait_for(lambda: terminal("health", "worker").code == 0, "the worker is healthy")
        rows(harness.database, "UPDATE workers SET last_seen_at = now() - interval '1 min', pid_namespace = 'another'")
        refused = terminal("health", "worker")
    assert (refused.code, refused.out) == (1, "worker: no heartbeat within 15 s\n")


def test_a_scheduler_is_healthy_while_it_is_present(
    environment: Settings, database: Database, terminal: Terminal
) -> None:
    assert terminal("health", "scheduler").code == 1
    with present("scheduler", database, environment):
        wait_for(lambda: terminal("health", "scheduler").code == 0, "the scheduler is healthy")
    assert terminal("health", "scheduler").code == 1


def test_an_api_is_healthy_when_it_answers(
    environment: Settings, redis_client: redis.Redis, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_api(environment) as server:
        monkeypatch.setenv("API_PORT", server.address.rpartition(":")[2])

        def is_healthy() -> bool:
            # A thread of the API may have read the environment before, and keep its answer after.
            get_settings.cache_clear()
            return terminal("health", "api").code == 0

        wait_for(is_healthy, "the API is healthy")
    # Not the port of before: the API of another test may have it by now.
    monkeypatch.setenv("API_PORT", "1")
    get_settings.cache_clear()
    away = terminal("health", "api", "--json")
    assert (away.code, away.json["healthy"]) == (1, False)


def test_without_postgres_a_worker_is_not_healthy(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone:geheim@127.0.0.1:9/none")
    get_settings.cache_clear()
    away = terminal("health", "worker")
    assert away.code == 1
    assert "geheim" not in away.out


def test_the_first_process_of_the_container_tells_the_role(
    environment: Settings,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As the image calls it: without options."""

    def container(*command_line: str) -> tuple[int, str]:
        (tmp_path / "cmdline").write_text("\0".join(command_line))
        monkeypatch.setattr(health, "PROCESS_1", tmp_path / "cmdline")
        monkeypatch.setattr(sys, "argv", ["aeon-jobs", "health"])
        with pytest.raises(SystemExit) as end:
            entry_point.main()
        return int(end.value.code or 0), capsys.readouterr().out

    assert container("tini", "--", "aeon-jobs", "dispatcher") == (1, "dispatcher: no heartbeat within 15 s\n")
    with present("scheduler", database, environment):
        wait_for(lambda: container("tini", "--", "aeon-jobs", "scheduler")[0] == 0, "the scheduler is healthy")
    assert container("tini", "--", "aeon-jobs", "migrate", "up")[0] == 0
