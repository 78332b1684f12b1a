"""Redis is a transport: flushed, restarted, replaced, full, and no job is the worse for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.ops.embedded import EmbeddedRedis
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from tests.faults.conftest import System
from tests.waiting import wait_for


@pytest.fixture
def own_redis(private_redis: EmbeddedRedis) -> EmbeddedRedis:
    return private_redis


@pytest.fixture
def system(settings: Settings, database: Database, own_redis: EmbeddedRedis, tmp_path: Path) -> Iterator[System]:
    from aeon_jobs.persistence.core.settings import load_settings

    mine = load_settings(database_url=settings.postgres_dsn, redis_url=own_redis.url)
    with redis.Redis.from_url(own_redis.url) as client:
        yield System(mine, database, client, tmp_path)


def flush(system: System) -> int:
    """How many messages that no worker had fetched yet were lost."""
    lanes = system.lanes()
    with system.redis.pipeline() as pipeline:
        for lane in lanes:
            pipeline.llen(lane)
        pipeline.flushall()
        return sum(pipeline.execute()[:-1])


def test_flushing_redis_amid_five_hundred_jobs_loses_none(system: System) -> None:
    system.submit("nap", 500, seconds=0.02)
    with system.workers(processes=2, threads=4):
        wait_for(lambda: len(system.effects()) > 50, "some ran")
        wait_for(lambda: flush(system), "a flush that loses something")
        system.redis.script_flush()
        system.wait_until(completed=500)

    assert len(system.effects()) == 500


def test_redis_stopped_and_started_loses_nothing(system: System, own_redis: EmbeddedRedis) -> None:
    system.submit("nap", 200, seconds=0.02)
    with system.workers(processes=2, threads=4):
        wait_for(lambda: len(system.effects()) > 20, "some ran")
        own_redis.kill()
        system.submit("note", 50)
        own_redis.restart()
        system.wait_until(completed=250)

    assert len(system.effects()) == 250


def test_an_evicting_redis_is_reported(system: System) -> None:
    transport = RedisTransport(system.redis, system.settings.redis_queue_prefix)
    assert transport.evicts() is None

    system.redis.config_set("maxmemory", "100mb")
    system.redis.config_set("maxmemory-policy", "allkeys-lru")

    assert transport.evicts() == "allkeys-lru"
    with system.ours("dispatcher") as dispatcher:
        wait_for(lambda: "Redis evicts" in dispatcher.log(), "the dispatcher says so")


def test_a_full_redis_stops_delivery_and_nothing_else(system: System) -> None:
    with system.workers(processes=1, threads=2):
        system.submit("note", 10)
        system.wait_until(completed=10)
        system.redis.config_set("maxmemory", "1")
        system.submit("note", 100)
        wait_for(lambda: system.statuses().get("queued", 0) > 0 or len(system.effects()) > 10, "dispatch was tried")
        system.redis.config_set("maxmemory", "0")
        system.wait_until(completed=110)

    assert len(system.effects()) == 110
