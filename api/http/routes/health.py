"""Is this process well? /health/live: it runs. /health and /health/ready: it can take jobs.

Taking a job needs PostgreSQL and the right schema, nothing else: without Redis a job is stored and started
later, so a missing Redis is `degraded`, not `down`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import redis
from litestar import Response, Router, get
from litestar.concurrency import sync_to_thread
from litestar.openapi.datastructures import ResponseSpec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.api.contract import Check, Health, HealthState
from aeon_jobs.api.http.requests import ApiRequest
from aeon_jobs.api.http.resources import GivenResources, Resources
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.errors import MigrationError

ANSWER_WITHIN_S = 1.5
"""Whoever probes gives up after some seconds, and learns nothing then."""
_WITHOUT_REDIS = "jobs are stored, and start when it is back"


Running = dict[str, asyncio.Task[list[Check]]]
"""By check, the one that is going on, or was last."""
_DOWN = {503: ResponseSpec(Health, description="Jobs cannot be taken; the checks say why.")}


@get("/live", sync_to_thread=False, opt={"public": True}, summary="This process runs")
def live() -> Health:
    return Health("ok", [Check("process", "ok")])


@get("/", responses=_DOWN, opt={"public": True}, summary="Whether jobs can be taken")
async def health(request: ApiRequest, resources: GivenResources) -> Response[Health]:
    return await _answer(request, resources)


@get("/ready", responses=_DOWN, opt={"public": True}, summary="Whether jobs can be taken")
async def ready(request: ApiRequest, resources: GivenResources) -> Response[Health]:
    return await _answer(request, resources)


async def _answer(request: ApiRequest, resources: Resources) -> Response[Health]:
    running: Running = request.app.state.setdefault("running", {})
    postgres, redis_ = await asyncio.gather(
        _run_check(running, _postgres, resources), _run_check(running, _redis, resources)
    )
    checks = [
        *(postgres or [Check("postgres", "down", f"no answer within {ANSWER_WITHIN_S} s; can its name be resolved?")]),
        *(redis_ or [Check("redis", "degraded", f"no answer within {ANSWER_WITHIN_S} s: {_WITHOUT_REDIS}")]),
    ]
    worst: HealthState = max((check.state for check in checks), key=("ok", "degraded", "down").index)
    headers = {"Retry-After": "2"} if worst == "down" else {}
    return Response(Health(worst, checks), status_code=503 if worst == "down" else 200, headers=headers)


async def _run_check(
    running: Running, check: Callable[[Resources], list[Check]], resources: Resources
) -> list[Check] | None:
    """What `check` finds; None when that takes too long.

    Nothing bounds how long the name of a host is looked up, nor can it be stopped. So it goes on in its thread, and whoever
    asks meanwhile waits for the same task: however many ask, one thread is busy.
    """
    task = running.get(check.__name__)
    if task is None or task.done():
        task = running[check.__name__] = asyncio.create_task(sync_to_thread(check, resources))
    await asyncio.wait({task}, timeout=ANSWER_WITHIN_S)
    return task.result() if task.done() else None


def _postgres(resources: Resources) -> list[Check]:
    try:
        with resources.database.connection() as connection:
            connection.execute(text("SELECT 1"))
        current = migrate.is_current(resources.database)
    except (SQLAlchemyError, MigrationError):
        # Not the driver's words: they name hosts and users, and this route asks for no key.
        return [Check("postgres", "down", "cannot be reached")]
    schema = Check("schema", "ok") if current else Check("schema", "down", "run: aeon-jobs migrate up")
    return [Check("postgres", "ok"), schema]


def _redis(resources: Resources) -> list[Check]:
    try:
        resources.redis.ping()
    except redis.RedisError:
        return [Check("redis", "degraded", f"cannot be reached: {_WITHOUT_REDIS}")]
    return [Check("redis", "ok")]


router = Router("/health", route_handlers=[health, live, ready], tags=["Health"])
