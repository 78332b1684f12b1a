"""/api/schedules: cron lines that become jobs."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, Router, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from pydantic import Field

from aeon_jobs.api.body import ApiRequest
from aeon_jobs.api.callers import Role
from aeon_jobs.api.etags import etag, refuse_changed
from aeon_jobs.api.journal import note
from aeon_jobs.api.schemas import Form, JsonObject, Name, Priority, Retries, SubmittedJob, Timeout, submitted
from aeon_jobs.api.services import Given
from aeon_jobs.persistence.core.models import JobSchedule
from aeon_jobs.persistence.queue import schedules, timetable
from aeon_jobs.persistence.queue.schedules import NewSchedule

CatchUp = Literal["last", "all", "none"]
Cron = Annotated[str, Field(min_length=1, max_length=255, examples=["*/15 * * * *"])]
Zone = Annotated[str, Field(min_length=1, max_length=64, examples=["Europe/Berlin"])]


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    job_type: str
    cron: str
    timezone: str
    payload: JsonObject
    priority: int | None
    max_retries: int | None
    timeout_ms: int | None
    enabled: bool
    catch_up: CatchUp
    """What becomes of moments that were missed: run the last of them, all, or none."""
    next_run_at: datetime | None
    last_run_at: datetime | None
    last_error: str | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime


class ScheduleForm(Form):
    name: Name
    job_type: Name
    cron: Cron
    timezone: Zone = "UTC"
    payload: JsonObject = Field(default_factory=dict)
    priority: Priority | None = None
    max_retries: Retries | None = None
    timeout_ms: Timeout | None = None
    enabled: bool = True
    catch_up: CatchUp = "last"


class ScheduleChange(Form):
    """What is left out stays as it is."""

    name: Name | None = None
    job_type: Name | None = None
    cron: Cron | None = None
    timezone: Zone | None = None
    payload: JsonObject | None = None
    priority: Priority | None = None
    max_retries: Retries | None = None
    timeout_ms: Timeout | None = None
    enabled: bool | None = None
    catch_up: CatchUp | None = None


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Schedules")
def index(services: Given) -> list[Schedule]:
    """By name."""
    with services.database.connection() as connection:
        return [_view(row) for row in timetable.every(connection)]


@post(
    "/",
    opt={"role": Role.OPERATOR, "headers": ["Location", "ETag"], "errors": [409]},
    sync_to_thread=True,
    summary="Make a schedule",
)
def create(data: JSONBody[ScheduleForm], request: ApiRequest, services: Given) -> Response[Schedule]:
    with services.database.transaction() as connection:
        new = NewSchedule(**data.model_dump(), created_by=request.user.name)
        schedule_id = schedules.create(connection, new, datetime.now(UTC))
        note(connection, request, "schedule.create", ("schedule", schedule_id), after=data.model_dump())
        row = timetable.get(connection, schedule_id)
    return _answer(row, status=201, headers={"Location": f"/api/schedules/{row.id}"})


@get("/{schedule_id:uuid}", opt={"role": Role.VIEWER, "headers": ["ETag"]}, sync_to_thread=True, summary="A schedule")
def show(schedule_id: FromPath[UUID], services: Given) -> Response[Schedule]:
    with services.database.connection() as connection:
        return _answer(timetable.get(connection, schedule_id))


@get("/{schedule_id:uuid}/upcoming", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Its next moments")
def upcoming(
    schedule_id: FromPath[UUID], services: Given, count: Annotated[int, QueryParameter(ge=1, le=100)] = 10
) -> list[datetime]:
    with services.database.connection() as connection:
        row = timetable.get(connection, schedule_id)
    return list(islice(schedules.upcoming(row.cron, row.timezone, datetime.now(UTC)), count))


@patch(
    "/{schedule_id:uuid}",
    opt={"role": Role.OPERATOR, "headers": ["ETag"], "errors": [409, 412]},
    sync_to_thread=True,
    summary="Change a schedule",
)
def change(
    schedule_id: FromPath[UUID], data: JSONBody[ScheduleChange], request: ApiRequest, services: Given
) -> Response[Schedule]:
    """Switch it off with `enabled: false`. If-Match is respected."""
    changes = {name: value for name, value in data.model_dump().items() if value is not None}
    with services.database.transaction() as connection:
        before = timetable.get(connection, schedule_id, lock=True)
        refuse_changed(request, before.updated_at)
        row = timetable.change(connection, schedule_id, changes, datetime.now(UTC))
        known = {name: getattr(before, name) for name in changes}
        note(connection, request, "schedule.change", ("schedule", schedule_id), before=known, after=changes)
    return _answer(row)


@delete(
    "/{schedule_id:uuid}",
    opt={"role": Role.OPERATOR, "errors": [412]},
    status_code=204,
    sync_to_thread=True,
    summary="Delete",
)
def remove(schedule_id: FromPath[UUID], request: ApiRequest, services: Given) -> None:
    """The jobs that it made stay. If-Match is respected."""
    with services.database.transaction() as connection:
        before = timetable.get(connection, schedule_id, lock=True)
        refuse_changed(request, before.updated_at)
        timetable.delete(connection, schedule_id)
        known = msgspec.to_builtins(_view(before))
        note(connection, request, "schedule.delete", ("schedule", schedule_id), before=known)


@post(
    "/{schedule_id:uuid}/run",
    opt={"role": Role.OPERATOR, "headers": ["Location"]},
    sync_to_thread=True,
    summary="Run it now",
)
def run_now(schedule_id: FromPath[UUID], request: ApiRequest, services: Given) -> Response[SubmittedJob]:
    """A job beside its due moments; the schedule goes on as it was."""
    with services.database.transaction() as connection:
        job = timetable.run_now(connection, schedule_id, by=request.user.name)
        note(connection, request, "schedule.run", ("schedule", schedule_id), after={"job_id": job.id})
    services.wakeups.job_ready()
    return Response(submitted(job), status_code=201, headers={"Location": f"/api/jobs/{job.id}"})


def _answer(row: JobSchedule, status: int = 200, headers: dict[str, str] | None = None) -> Response[Schedule]:
    return Response(_view(row), status_code=status, headers={**(headers or {}), "ETag": etag(row.updated_at)})


def _view(row: JobSchedule) -> Schedule:
    fields: dict[str, Any] = {name: getattr(row, name) for name in Schedule.__struct_fields__}
    return Schedule(**fields)


router = Router(
    "/api/schedules",
    route_handlers=[index, create, show, upcoming, change, remove, run_now],
    tags=["Schedules"],
)
