"""Every line of every process is JSON, the first one too: what dramatiq, uvicorn, periodiq and Python itself have to say."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from tests.group import Group
from tests.waiting import wait_for

JOBS = """
import threading, warnings
from aeon_jobs import job

warnings.warn("old name", UserWarning)
threading.Thread(target=lambda: 1 / 0).start()

@job
def note() -> None: ...
"""


def lines(group: Group) -> list[dict[str, Any]]:
    return [json.loads(line) for line in group.log().splitlines()]


def events(group: Group) -> list[str]:
    return [str(line["event"]) for line in lines(group)]


@pytest.fixture
def group(environment: Settings, database: Database, redis_client: redis.Redis, tmp_path: Path) -> Any:
    (tmp_path / "shop.py").write_text(JOBS)
    (tmp_path / "broken.py").write_text("raise LookupError('no such shelf')\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    variables = {"LOG_FORMAT": "json", "API_PORT": port, "WORKER_PROCESSES": "1", "WORKER_CONCURENCY": "3"}

    def make(*command: str) -> Group:
        log = tmp_path / f"{'-'.join(command[1:])}.log"
        paths = f"{tmp_path}:{Path(__file__).parents[2]}"
        return Group(["-m", *command], environment, log, PYTHONPATH=paths, **variables)

    return make


def test_every_line_of_every_process_is_json(group: Any) -> None:
    with ExitStack() as running:
        worker = running.enter_context(group("aeon_jobs", "worker", "shop"))
        api = running.enter_context(group("aeon_jobs", "api"))
        dispatcher = running.enter_context(group("aeon_jobs", "dispatcher"))
        scheduler = running.enter_context(group("aeon_jobs", "scheduler"))
        bare = running.enter_context(
            group("dramatiq", "--skip-logging", "aeon_jobs.actors", "shop", "-p", "1", "-t", "1")
        )
        for one, last in [
            (worker, "Worker process is ready for action."),
            (bare, "Worker process is ready for action."),
            (api, "Uvicorn running on"),
            (dispatcher, "is not a setting"),
            (scheduler, "is not a setting"),
        ]:
            wait_for(lambda one=one, last=last: last in one.log(), f"{last} is logged", timeout_s=60)
    for one in (worker, api, dispatcher, scheduler):
        assert events(one)[0] == "WORKER_CONCURENCY is not a setting; did you mean WORKER_CONCURRENCY?"
    for one in (worker, bare):
        assert any(event.startswith("UserWarning: old name (") for event in events(one))
        (uncaught,) = [line for line in lines(one) if "nobody caught an error" in line["event"]]
        assert "ZeroDivisionError" in uncaught["exception"]
        assert {line["process"] for line in lines(one)} == {"worker"}
    assert "Dramatiq '2" in events(worker)[1]
    assert any("Waiting for application startup" in event for event in events(api))


def test_a_process_that_cannot_start_says_so_in_json(group: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with_fault = group("aeon_jobs", "worker", "broken")
    monkeypatch.setenv("METRICS_PORT", "x")
    misconfigured = group("aeon_jobs", "api")
    monkeypatch.delenv("METRICS_PORT")

    assert (with_fault.start().wait(), misconfigured.start().wait()) == (1, 2)

    (uncaught,) = [line for line in lines(with_fault) if "nobody caught an error" in line["event"]]
    assert "LookupError: no such shelf" in uncaught["exception"]
    (said,) = lines(misconfigured)
    assert (said["level"], said["process"], said["event"].split(":")[0]) == ("critical", "api", "METRICS_PORT")
