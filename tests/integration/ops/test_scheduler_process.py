"""The scheduler process: it outlives Redis, and ends at once when told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from aeon_jobs.ops.embedded import EmbeddedRedis
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import workers
from tests.leaks import wait_until_empty

Start = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def start(private_dir: Path, environment: Settings) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def start(redis_url: str) -> subprocess.Popen[bytes]:
        with (private_dir / "log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-P", "-m", "aeon_jobs", "scheduler"],
                    env=os.environ | {"REDIS_URL": redis_url},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def eventually(condition: Callable[[], object]) -> bool:
    return not wait_until_empty(lambda: [] if condition() else [1], timeout_s=40)


def ticks(server: EmbeddedRedis) -> int:
    with redis.Redis.from_url(server.url) as client:
        return int(client.hlen("aeon-jobs:default.msgs"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ticks_and_ends_at_once_when_told_to(
    start: Start, private_redis: EmbeddedRedis, database: Database, number: signal.Signals
) -> None:
    def states() -> list[tuple[str, str]]:
        with database.connection() as connection:
            return [(process.kind, process.state) for process in workers.every(connection)]

    process = start(private_redis.url)
    assert eventually(lambda: ticks(private_redis))
    assert eventually(lambda: states() == [("scheduler", "running")])
    process.send_signal(number)
    assert process.wait(10) == 0
    assert states() == [("scheduler", "stopped")]


def test_the_scheduler_continues_when_redis_is_back(
    start: Start, private_redis: EmbeddedRedis, private_dir: Path
) -> None:
    private_redis.kill()
    process = start(private_redis.url)
    assert eventually(lambda: b"trying again" in (private_dir / "log").read_bytes())
    private_redis.restart()
    assert eventually(lambda: ticks(private_redis))
    assert process.poll() is None
    process.terminate()
    assert process.wait(10) == 0
