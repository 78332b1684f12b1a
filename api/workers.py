"""/api/workers: every process of ours, and whether it lives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec
from litestar import Router, delete, get
from litestar.params import PathParameter, QueryParameter

from aeon_jobs.api.body import ApiRequest
from aeon_jobs.api.callers import Role
from aeon_jobs.api.errors import Problem, ProblemError, not_found
from aeon_jobs.api.journal import note
from aeon_jobs.api.services import Given, Services
from aeon_jobs.persistence.admin import retired_workers
from aeon_jobs.persistence.core.models import Worker as WorkerRow
from aeon_jobs.persistence.queue import workers

Id = Annotated[str, PathParameter(min_length=1, max_length=255)]
Kind = Literal["worker", "dispatcher", "scheduler", "api"]


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    kind: Kind
    alive: bool
    """It was heard of within three heartbeats."""
    state: Literal["running", "stopping", "stopped", "lost"]
    hostname: str
    pid: int
    version: str
    queues: list[str]
    job_types: list[str]
    threads: int
    busy: int
    started_at: datetime
    last_seen_at: datetime
    stopped_at: datetime | None


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Workers and the other processes")
def index(services: Given, kind: Annotated[Kind | None, QueryParameter()] = None) -> list[Worker]:
    """The latest seen first."""
    return [worker for worker in every(services) if kind in (None, worker.kind)]


@get("/{worker_id:str}", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="A process")
def show(worker_id: Id, services: Given) -> Worker:
    return _one(services, worker_id)


@delete(
    "/{worker_id:str}",
    opt={"role": Role.OPERATOR, "errors": [409]},
    status_code=204,
    sync_to_thread=True,
    summary="Acknowledge",
)
def acknowledge(worker_id: Id, request: ApiRequest, services: Given) -> None:
    """A lost process is taken off the list, and the alarm with it. One that lives cannot be."""
    with services.database.transaction() as connection:
        if not retired_workers.forget(connection, worker_id):
            worker = _one(services, worker_id)
            detail = f"{worker_id} is {worker.state}: only a stopped or lost process can be taken off"
            raise ProblemError(Problem("wrong-state", 409, detail, extra={"state": worker.state}))
        note(connection, request, "worker.acknowledge", ("worker", worker_id))


def every(services: Services) -> list[Worker]:
    """All known processes, the latest seen first."""
    with services.database.connection() as connection:
        rows = workers.every(connection)
    silent_since = datetime.now(UTC) - timedelta(milliseconds=services.worker_silence_ms)
    return [_view(row, silent_since) for row in rows]


def _one(services: Services, worker_id: str) -> Worker:
    for worker in every(services):
        if worker.id == worker_id:
            return worker
    raise not_found(f"no process {worker_id!r:.120}")


def _view(row: WorkerRow, silent_since: datetime) -> Worker:
    alive = row.state in {"running", "stopping"} and row.last_seen_at > silent_since
    plain = {name: getattr(row, name) for name in Worker.__struct_fields__ if name != "alive"}
    return Worker(**plain, alive=alive)


router = Router("/api/workers", route_handlers=[index, show, acknowledge], tags=["Workers"])
