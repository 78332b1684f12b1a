"""The job bodies: one Redis command, by which completion is seen from outside. For threads, and for event loops."""

from __future__ import annotations

import time

import redis
import redis.asyncio

from aeon_jobs.ops.benchmarks.rivals.adapter import REDIS_URL

DONE, TAKEN = "benchmark:done", "benchmark:taken"
AT_ONCE = 16

_client = redis.Redis.from_url(REDIS_URL)
# Bounded: an event loop may run more jobs at once than Redis should get connections.
_async_client = redis.asyncio.Redis(
    connection_pool=redis.asyncio.BlockingConnectionPool.from_url(REDIS_URL, max_connections=AT_ONCE, timeout=None)
)


def noop(value: float) -> None:
    _client.incr(DONE)


def stamp(value: float) -> None:
    """Seconds from `value` (Unix time) to here."""
    _client.rpush(TAKEN, time.time() - value)


async def noop_async(value: float) -> None:
    await _async_client.incr(DONE)


async def stamp_async(value: float) -> None:
    await _async_client.rpush(TAKEN, time.time() - value)
