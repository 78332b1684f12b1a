"""What the handlers work with, built once per process; and `Given`, the use cases for whoever calls."""

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

from aeon_jobs.api.http.authentication import Authenticator
from aeon_jobs.api.http.intake.admission import Admission
from aeon_jobs.api.http.rate_limits import RateLimits
from aeon_jobs.api.http.registration import registered
from aeon_jobs.api.http.requests import ApiRequest
from aeon_jobs.api.http.streams import Streams, closed_by_signals
from aeon_jobs.api.http.traces import trace_of
from aeon_jobs.api.metrics import Exposition
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.context import Context
from aeon_jobs.api.service.core.notifier import REDIS_TIMEOUT_S, BackgroundNotifier
from aeon_jobs.api.service.core.use_cases import Conditions
from aeon_jobs.persistence.core import tracing
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.hints import Hints
from aeon_jobs.persistence.redis_clients import async_redis_client, redis_client


@dataclass(frozen=True, slots=True)
class Resources:
    context: Context
    redis: redis.Redis
    limits_redis: async_redis.Redis
    notifier: BackgroundNotifier
    authenticator: Authenticator
    streams: Streams
    admission: Admission
    exposition: Exposition

    @property
    def settings(self) -> Settings:
        return self.context.settings

    @property
    def database(self) -> Database:
        return self.context.database


def build(settings: Settings) -> Resources:
    """Nothing is connected yet: a process may fork after this."""
    # A thread that waits for a connection is a thread wasted: as many of one as of the other.
    database = Database(
        settings.postgres_dsn,
        schema=settings.job_schema,
        pool_size=max(settings.api_threads, settings.database_pool_size),
    )
    client = redis_client(settings.redis_dsn, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S)
    limits_redis = async_redis_client(settings.redis_dsn, socket_timeout=0.25, socket_connect_timeout=0.25)
    limits = RateLimits(limits_redis, settings.redis_queue_prefix, fail_open=settings.api_rate_limit_fallback == "open")
    notifier = BackgroundNotifier(Hints(client, settings.redis_queue_prefix))
    return Resources(
        context=Context.of(settings, database, notifier),
        redis=client,
        limits_redis=limits_redis,
        notifier=notifier,
        authenticator=Authenticator(database, limits, settings),
        streams=Streams(database, settings.api_max_streams),
        admission=Admission(settings),
        exposition=Exposition(settings, database, client),
    )


@asynccontextmanager
async def running(app: Litestar) -> AsyncIterator[None]:
    """The lifespan: threads for the handlers; at the end everything is closed."""
    resources: Resources = app.state.resources
    # The loop's own executor has min(32, cores + 4) threads, too few for handlers that wait for a database.
    threads = ThreadPoolExecutor(resources.settings.api_threads, thread_name_prefix="api")
    asyncio.get_running_loop().set_default_executor(threads)
    threads.submit(resources.context.activity.prepare)
    # What was built so far stays: looking through all of it for garbage holds every request up for a tenth of a second.
    gc.freeze()
    tracing.start(resources.settings, "api")
    try:
        with closed_by_signals(resources.streams.close):
            async with registered(resources.context):
                yield
    finally:
        gc.unfreeze()
        await resources.streams.stop()
        resources.notifier.close()
        threads.shutdown(wait=True)
        await resources.limits_redis.aclose()
        resources.redis.close()
        resources.context.close()
        tracing.stop(resources.settings)


def jobs_of(request: ApiRequest, resources: NamedDependency[Resources]) -> Jobs:
    """The use cases as the caller may use them."""
    headers = request.headers
    conditions = Conditions(
        request_id=request.scope["state"].get("request_id"),
        trace=trace_of(headers),
        if_match=headers.get("if-match"),
    )
    return Jobs(resources.context, request.user, conditions)


Given = NamedDependency[Jobs]
"""How a handler asks for the use cases: ``jobs: Given``."""
GivenResources = NamedDependency[Resources]
"""What is there once per process: ``resources: GivenResources``."""
