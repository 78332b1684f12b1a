"""Redis behind sentinels: every client finds the master, and the next one when it dies."""

from __future__ import annotations

import asyncio
from pathlib import Path

import redis

from aeon_jobs.ops.rehearsals.failover.redis_group import redis_group
from aeon_jobs.persistence.hints import Publisher
from aeon_jobs.persistence.redis_clients import async_redis_client, redis_client
from tests.waiting import wait_for


def test_each_client_finds_the_new_master_when_the_old_one_is_killed(private_dir: Path) -> None:
    with redis_group(private_dir) as group, redis_client(group.url) as client:
        publisher = Publisher(client, "aeon-jobs:wake")
        publisher.publish("before")
        client.set("aeon-jobs:before", "1")
        assert client.execute_command("EXISTS", "aeon-jobs:before") == 1

        group.fail_over()
        wait_for(lambda: _is_written(client), "the new master takes a write")
        with client.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe("aeon-jobs:wake")
            assert wait_for(lambda: _is_heard(channel, publisher), "the new master publishes")
        assert asyncio.run(_written_by_asyncio(group.url))


def _is_written(client: redis.Redis) -> bool:
    try:
        return bool(client.set("aeon-jobs:after", "1"))
    except redis.RedisError:
        return False


def _is_heard(channel: redis.client.PubSub, publisher: Publisher) -> bool:
    try:
        publisher.publish("after")
        return bool(channel.get_message(timeout=0.2))
    except redis.RedisError:
        return False


async def _written_by_asyncio(url: str) -> bool:
    client = async_redis_client(url)
    try:
        return bool(await client.set("aeon-jobs:after", "1"))
    finally:
        await client.aclose()
