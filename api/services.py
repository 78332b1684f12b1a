"""What the handlers work with, built once per process."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

import redis
from litestar import Litestar
from litestar.di import NamedDependency
from redis import asyncio as async_redis

from aeon_jobs.api.activity import RememberedActivity, RememberedDepths
from aeon_jobs.api.auth import Doorkeeper
from aeon_jobs.api.known_types import KnownTypes
from aeon_jobs.api.rate_limits import RateLimits
from aeon_jobs.api.streams import Streams, closed_by_signals
from aeon_jobs.api.wakeups import Wakeups
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.hints import Hints, redis_client

REDIS_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    database: Database
    redis: redis.Redis
    limits_redis: async_redis.Redis
    wakeups: Wakeups
    doorkeeper: Doorkeeper
    activity: RememberedActivity
    depths: RememberedDepths
    known_types: KnownTypes
    streams: Streams

    @property
    def worker_silence_ms(self) -> int:
        """Who was not heard of for so long is not counted as alive."""
        return 3 * self.settings.worker_heartbeat_interval


def build(settings: Settings) -> Services:
    """Nothing is connected yet: a process may fork after this."""
    # A thread that waits for a connection is a thread wasted: as many of one as of the other.
    database = Database(
        settings.postgres_dsn,
        schema=settings.job_schema,
        pool_size=max(settings.api_threads, settings.database_pool_size),
    )
    client = redis_client(settings.redis_dsn, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S)
    limits_redis = async_redis.Redis.from_url(
        settings.redis_dsn, socket_timeout=0.25, socket_connect_timeout=0.25, retry=None
    )
    limits = RateLimits(limits_redis, settings.redis_queue_prefix, fail_open=settings.api_rate_limit_fallback == "open")
    return Services(
        settings=settings,
        database=database,
        redis=client,
        limits_redis=limits_redis,
        wakeups=Wakeups(Hints(client, settings.redis_queue_prefix)),
        doorkeeper=Doorkeeper(database, limits, settings),
        activity=RememberedActivity(database),
        depths=RememberedDepths(database),
        known_types=KnownTypes(),
        streams=Streams(database),
    )


@asynccontextmanager
async def running(app: Litestar) -> AsyncIterator[None]:
    """The lifespan: threads for the handlers; at the end everything is closed."""
    services: Services = app.state.services
    # The loop's own executor has min(32, cores + 4) threads, too few for handlers that wait for a database.
    threads = ThreadPoolExecutor(services.settings.api_threads, thread_name_prefix="api")
    asyncio.get_running_loop().set_default_executor(threads)
    threads.submit(services.activity.prepare)
    # What was built so far stays: looking through all of it for garbage holds every request up for a tenth of a second.
    gc.freeze()
    try:
        with closed_by_signals(services.streams.close):
            yield
    finally:
        gc.unfreeze()
        await services.streams.stop()
        services.wakeups.close()
        threads.shutdown(wait=True)
        await services.limits_redis.aclose()
        services.redis.close()
        services.database.dispose()


Given = NamedDependency[Services]
"""How a handler asks for them: ``services: Given``."""
