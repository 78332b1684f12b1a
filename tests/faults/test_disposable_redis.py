"""Redis is a wire: flushed, restarted, replaced, full, and no job is the worse for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from middleware.wire import Wire
from ops.embedded import EmbeddedRedis
from persistence.database import Database
from persistence.settings import Settings
from tests.faults.conftest import Site
from tests.waiting import wait_for


@pytest.fixture
def own_redis(private_redis: EmbeddedRedis) -> EmbeddedRedis:
    return private_redis


@pytest.fixture
def site(settings: Settings, database: Database, own_redis: EmbeddedRedis, tmp_path: Path) -> Iterator[Site]:
    from persistence.settings import load_settings

    mine = load_settings(database_url=settings.postgres_dsn, redis_url=own_redis.url)
    with redis.Redis.from_url(own_redis.url) as client:
        yield Site(mine, database, client, tmp_path)


def flush(site: Site) -> int:
    """How many messages that no worker had fetched yet were lost."""
    with site.redis.pipeline() as pipeline:
        pipeline.llen(f"{site.settings.redis_queue_prefix}:default")
        pipeline.flushall()
        return int(pipeline.execute()[0])


def test_flushing_redis_amid_five_hundred_jobs_loses_none(site: Site) -> None:
    site.submit("nap", 500, seconds=0.02)
    with site.workers(processes=2, threads=4):
        wait_for(lambda: len(site.effects()) > 50, "some ran")
        wait_for(lambda: flush(site), "a flush that loses something")
        site.redis.script_flush()
        site.wait_until(completed=500)

    assert len(site.effects()) == 500


def test_redis_stopped_and_started_loses_nothing(site: Site, own_redis: EmbeddedRedis) -> None:
    site.submit("nap", 200, seconds=0.02)
    with site.workers(processes=2, threads=4):
        wait_for(lambda: len(site.effects()) > 20, "some ran")
        own_redis.kill()
        site.submit("note", 50)
        own_redis.restart()
        site.wait_until(completed=250)

    assert len(site.effects()) == 250


def test_an_evicting_redis_is_complained_about(site: Site) -> None:
    wire = Wire(site.redis, site.settings.redis_queue_prefix)
    assert wire.evicts() is None

    site.redis.config_set("maxmemory", "100mb")
    site.redis.config_set("maxmemory-policy", "allkeys-lru")

    assert wire.evicts() == "allkeys-lru"
    with site.ours("dispatcher") as dispatcher:
        wait_for(lambda: "Redis evicts" in dispatcher.log(), "the dispatcher says so")


def test_a_full_redis_stops_delivery_and_nothing_else(site: Site) -> None:
    with site.workers(processes=1, threads=2):
        site.submit("note", 10)
        site.wait_until(completed=10)
        site.redis.config_set("maxmemory", "1")
        site.submit("note", 100)
        wait_for(lambda: site.statuses().get("queued", 0) > 0 or len(site.effects()) > 10, "dispatch was tried")
        site.redis.config_set("maxmemory", "0")
        site.wait_until(completed=110)

    assert len(site.effects()) == 110
