"""Is this process well? /health/live: it runs. /health and /health/ready: it can take jobs.

Taking a job needs PostgreSQL and the right schema, nothing else: without Redis a job is stored and started
later, so a missing Redis is `degraded`, not `down`.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import redis
from litestar import Response, Router, get
from litestar.openapi.datastructures import ResponseSpec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from api.services import Given, Services
from persistence import migrate
from persistence.errors import MigrationError

State = Literal["ok", "degraded", "down"]


class Check(msgspec.Struct, frozen=True):
    name: str
    state: State
    detail: str = ""


class Health(msgspec.Struct, frozen=True):
    status: State
    checks: list[Check]


_DOWN = {503: ResponseSpec(Health, description="Jobs cannot be taken; the checks say why.")}


@get("/live", sync_to_thread=False, opt={"public": True}, summary="This process runs")
def live() -> Health:
    return Health("ok", [Check("process", "ok")])


@get("/", responses=_DOWN, sync_to_thread=True, opt={"public": True}, summary="Whether jobs can be taken")
def health(services: Given) -> Response[Health]:
    return _answer(services)


@get("/ready", responses=_DOWN, sync_to_thread=True, opt={"public": True}, summary="Whether jobs can be taken")
def ready(services: Given) -> Response[Health]:
    return _answer(services)


def _answer(services: Services) -> Response[Health]:
    checks = [*_postgres(services), _redis(services)]
    worst: State = max((check.state for check in checks), key=("ok", "degraded", "down").index)
    headers = {"Retry-After": "2"} if worst == "down" else {}
    return Response(Health(worst, checks), status_code=503 if worst == "down" else 200, headers=headers)


def _postgres(services: Services) -> list[Check]:
    try:
        with services.database.connection() as connection:
            connection.execute(text("SELECT 1"))
        current = migrate.is_current(services.database)
    except (SQLAlchemyError, MigrationError):
        # Not the driver's words: they name hosts and users, and this route asks for no key.
        return [Check("postgres", "down", "cannot be reached")]
    schema = Check("schema", "ok") if current else Check("schema", "down", "run: aeon-jobs migrate up")
    return [Check("postgres", "ok"), schema]


def _redis(services: Services) -> Check:
    try:
        services.redis.ping()
    except redis.RedisError:
        return Check("redis", "degraded", "cannot be reached: jobs are stored, and start when it is back")
    return Check("redis", "ok")


router = Router("/health", route_handlers=[health, live, ready], tags=["Health"])
