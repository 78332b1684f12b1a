"""/api/schedules: rules by which jobs are submitted."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, Router, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter

from aeon_jobs.api.contract import (
    Backfill,
    Backfilled,
    NewSchedule,
    Page,
    Schedule,
    ScheduleChange,
    ScheduleRun,
    Submitted,
)
from aeon_jobs.api.contract.fields import parse_moment
from aeon_jobs.api.http.etags import etag
from aeon_jobs.api.http.parameters import Moment, moment
from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.persistence.core.errors import InvalidJob


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Schedules")
def index(jobs: Given) -> Page[Schedule]:
    """By name."""
    return Page(items=jobs.schedules())


@post(
    "/",
    opt={"role": Role.OPERATOR, "headers": ["Location", "ETag"], "errors": [409]},
    sync_to_thread=True,
    summary="Make a schedule",
)
def create(data: JSONBody[NewSchedule], jobs: Given) -> Response[Schedule]:
    schedule = jobs.create_schedule_as(data)
    headers = {"Location": f"/api/schedules/{schedule.id}", **etag(schedule.updated_at)}
    return Response(schedule, status_code=201, headers=headers)


@post(
    "/preview", opt={"role": Role.VIEWER}, status_code=200, sync_to_thread=True, summary="Due times before it is made"
)
def preview(
    data: JSONBody[NewSchedule], jobs: Given, count: Annotated[int, QueryParameter(ge=1, le=100)] = 10
) -> Page[datetime]:
    """The next due times that the schedule would have. It is checked as if it were made, and nothing is stored."""
    return Page(items=jobs.preview_schedule_as(data, count))


@get("/{schedule_id:uuid}", opt={"role": Role.VIEWER, "headers": ["ETag"]}, sync_to_thread=True, summary="A schedule")
def show(schedule_id: FromPath[UUID], jobs: Given) -> Response[Schedule]:
    return _answer(jobs.schedule(schedule_id))


@get("/{schedule_id:uuid}/upcoming", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Its next due times")
def upcoming(
    schedule_id: FromPath[UUID], jobs: Given, count: Annotated[int, QueryParameter(ge=1, le=100)] = 10
) -> Page[datetime]:
    return Page(items=jobs.upcoming(schedule_id, count))


@patch(
    "/{schedule_id:uuid}",
    opt={"role": Role.OPERATOR, "headers": ["ETag"], "errors": [409, 412]},
    sync_to_thread=True,
    summary="Change a schedule",
)
def change(schedule_id: FromPath[UUID], data: JSONBody[ScheduleChange], jobs: Given) -> Response[Schedule]:
    """Pause it with `enabled: false`. Null clears a field that may be null. If-Match is respected."""
    return _answer(jobs.change_schedule_as(schedule_id, data))


@delete(
    "/{schedule_id:uuid}",
    opt={"role": Role.OPERATOR, "errors": [412]},
    status_code=204,
    sync_to_thread=True,
    summary="Delete",
)
def remove(schedule_id: FromPath[UUID], jobs: Given) -> None:
    """Its jobs stay, its history goes. If-Match is respected."""
    jobs.delete_schedule(schedule_id)


@post(
    "/{schedule_id:uuid}/run",
    opt={"role": Role.OPERATOR, "headers": ["Location"]},
    sync_to_thread=True,
    summary="Run it now",
)
def run_now(schedule_id: FromPath[UUID], jobs: Given) -> Response[Submitted]:
    """A job beside its due times, whatever else runs; the schedule goes on as it was."""
    job = jobs.run_schedule(schedule_id)
    return Response(job, status_code=201, headers={"Location": f"/api/jobs/{job.job_id}"})


@post(
    "/{schedule_id:uuid}/backfill",
    opt={"role": Role.OPERATOR},
    status_code=200,
    sync_to_thread=True,
    summary="Run a past span",
)
def backfill(schedule_id: FromPath[UUID], data: JSONBody[Backfill], jobs: Given) -> Backfilled:
    """A due time that ran does not run again: a second backfill changes nothing. At most 1,000 due times."""
    return jobs.backfill_schedule_as(schedule_id, data)


@get("/{schedule_id:uuid}/runs", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Its history")
def runs(
    schedule_id: FromPath[UUID],
    jobs: Given,
    count: Annotated[int, QueryParameter(ge=1, le=1_000)] = 50,
    before: Moment = None,
) -> Page[ScheduleRun]:
    """Due times that were decided on, newest first; those before `before`."""
    return Page(items=jobs.schedule_runs(schedule_id, count, before=_instant(before)))


def _instant(text: str | None) -> datetime | None:
    try:
        return None if text is None else parse_moment(moment(text))
    except ValueError as error:
        raise InvalidJob.at("before", str(error)) from None


def _answer(schedule: Schedule) -> Response[Schedule]:
    return Response(schedule, headers=etag(schedule.updated_at))


router = Router(
    "/api/schedules",
    route_handlers=[index, create, preview, show, upcoming, change, remove, run_now, backfill, runs],
    tags=["Schedules"],
)
