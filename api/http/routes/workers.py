"""/api/workers: every process of ours, and whether it lives."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, delete, get, post
from litestar.params import PathParameter, QueryParameter

from aeon_jobs.api.contract import Page, Worker
from aeon_jobs.api.contract.workers import WorkerKind
from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service.core.principals import Role

Id = Annotated[str, PathParameter(min_length=1, max_length=255)]


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Workers and the other processes")
def index(jobs: Given, kind: Annotated[WorkerKind | None, QueryParameter()] = None) -> Page[Worker]:
    """The latest seen first."""
    return Page(items=jobs.workers(kind))


@get("/{worker_id:str}", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="A process")
def show(worker_id: Id, jobs: Given) -> Worker:
    return jobs.worker(worker_id)


@delete(
    "/{worker_id:str}",
    opt={"role": Role.OPERATOR, "errors": [409]},
    status_code=204,
    sync_to_thread=True,
    summary="Acknowledge",
)
def acknowledge(worker_id: Id, jobs: Given) -> None:
    """A lost process is taken off the list, and the alarm with it. One that lives cannot be."""
    jobs.acknowledge_worker(worker_id)


@post(
    "/{worker_id:str}/quiet",
    opt={"role": Role.OPERATOR, "errors": [409]},
    status_code=200,
    sync_to_thread=True,
    summary="Quiet a worker",
)
def quiet(worker_id: Id, jobs: Given) -> Worker:
    """It starts no more jobs from its next heartbeat on. What runs goes on."""
    return jobs.quiet_worker(worker_id)


@post(
    "/{worker_id:str}/resume",
    opt={"role": Role.OPERATOR, "errors": [409]},
    status_code=200,
    sync_to_thread=True,
    summary="Resume a worker",
)
def resume(worker_id: Id, jobs: Given) -> Worker:
    """A quiet worker starts jobs again."""
    return jobs.resume_worker(worker_id)


router = Router("/api/workers", route_handlers=[index, show, acknowledge, quiet, resume], tags=["Workers"])
