"""/api/queues: how long they are, who serves them; pause, resume, limit."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get, patch, post
from litestar.params import JSONBody, PathParameter
from pydantic import Field

from aeon_jobs.api.body import ApiRequest
from aeon_jobs.api.callers import Role
from aeon_jobs.api.errors import not_found
from aeon_jobs.api.journal import note
from aeon_jobs.api.schemas import Form
from aeon_jobs.api.schemas import Reason as ReasonText
from aeon_jobs.api.services import Given, Services
from aeon_jobs.persistence.queue import queues

Name = Annotated[str, PathParameter(min_length=1, max_length=100)]


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    ready: int
    """Waiting for nothing but a thread; counted up to 10,000."""
    queued: int
    """On their way to a worker."""
    running: int
    workers: int
    threads: int
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    max_running: int | None


class PauseForm(Form):
    reason: ReasonText | None = None


class LimitForm(Form):
    max_running: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        description="jobs that run at once, over all workers; null: no limit"
    )


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Queues")
def index(services: Given) -> list[Queue]:
    return _every(services)


@get("/{name:str}", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="A queue")
def show(name: Name, services: Given) -> Queue:
    return _one(services, name)


@post("/{name:str}/pause", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Pause a queue")
def pause(name: Name, data: JSONBody[PauseForm], request: ApiRequest, services: Given) -> Queue:
    """Nothing more is started; what runs goes on. A queue may be paused before its first job comes."""
    with services.database.transaction() as connection:
        if queues.pause(connection, name, by=request.user.name, reason=data.reason):
            note(connection, request, "queue.pause", ("queue", name), reason=data.reason)
    return _one(services, name)


@post("/{name:str}/resume", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Resume a queue")
def resume(name: Name, request: ApiRequest, services: Given) -> Queue:
    with services.database.transaction() as connection:
        if queues.resume(connection, name):
            note(connection, request, "queue.resume", ("queue", name))
    services.wakeups.job_ready()
    return _one(services, name)


@patch("/{name:str}", opt={"role": Role.OPERATOR}, sync_to_thread=True, summary="Limit a queue")
def limit(name: Name, data: JSONBody[LimitForm], request: ApiRequest, services: Given) -> Queue:
    with services.database.transaction() as connection:
        queues.limit(connection, name, data.max_running)
        note(connection, request, "queue.limit", ("queue", name), after={"max_running": data.max_running})
    services.wakeups.job_ready()
    return _one(services, name)


def _every(services: Services) -> list[Queue]:
    with services.database.connection() as connection:
        found = queues.every(connection, services.worker_silence_ms)
    return [Queue(**{name: getattr(queue, name) for name in Queue.__struct_fields__}) for queue in found]


def _one(services: Services, name: str) -> Queue:
    for queue in _every(services):
        if queue.name == name:
            return queue
    raise not_found(f"no queue {name!r:.120}")


router = Router("/api/queues", route_handlers=[index, show, pause, resume, limit], tags=["Queues"])
