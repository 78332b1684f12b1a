"""/api/queues: how long they are, who serves them; pause, resume, limit, purge, delete."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, delete, get, patch, post
from litestar.params import JSONBody, PathParameter

from aeon_jobs.api.contract import BatchAnswer, Page, Queue, QueueLimit, QueuePause, QueuePurge
from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service.core.principals import Role

Name = Annotated[str, PathParameter(min_length=1, max_length=100)]


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Queues")
def index(jobs: Given) -> Page[Queue]:
    """Every queue that a job type, a job, a live worker or a setting names."""
    return Page(items=jobs.queues())


@get("/{name:str}", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="A queue")
def show(name: Name, jobs: Given) -> Queue:
    return jobs.queue(name)


@post("/{name:str}/pause", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Pause a queue")
def pause(name: Name, data: JSONBody[QueuePause], jobs: Given) -> Queue:
    """Nothing more is started; what runs goes on."""
    return jobs.pause_queue(name, reason=data.reason)


@post("/{name:str}/resume", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Resume a queue")
def resume(name: Name, jobs: Given) -> Queue:
    return jobs.resume_queue(name)


@patch("/{name:str}", opt={"role": Role.OPERATOR}, sync_to_thread=True, summary="Limit a queue")
def limit(name: Name, data: JSONBody[QueueLimit], jobs: Given) -> Queue:
    return jobs.limit_queue(name, data.max_running)


@post("/{name:str}/purge", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Purge a queue")
def purge(name: Name, data: JSONBody[QueuePurge], jobs: Given) -> BatchAnswer:
    """Cancel its jobs that wait, the oldest 10,000; those that run go on."""
    return jobs.purge_queue(name, dry_run=data.dry_run, reason=data.reason)


@delete(
    "/{name:str}",
    opt={"role": Role.OPERATOR, "errors": [409]},
    status_code=204,
    sync_to_thread=True,
    summary="Delete a queue",
)
def remove(name: Name, jobs: Given) -> None:
    """Forget what was set for a queue that no job type, job or live worker names any more."""
    jobs.delete_queue(name)


router = Router("/api/queues", route_handlers=[index, show, pause, resume, limit, purge, remove], tags=["Queues"])
