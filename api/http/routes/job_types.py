"""/api/job-types: what can be submitted, what its payload must look like, and the limits of its jobs."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, delete, get, post, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from aeon_jobs.api.contract import JobType, JobTypeLimits, JobTypePause, KeyUsage, Page
from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service.core.principals import Role

Name = Annotated[str, PathParameter(min_length=1, max_length=100)]
KeyCount = Annotated[int, QueryParameter(ge=1, le=1_000)]


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Job types")
def index(jobs: Given) -> Page[JobType]:
    return Page(items=jobs.job_types())


@get("/{name:str}", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="A job type")
def show(name: Name, jobs: Given) -> JobType:
    return jobs.job_type(name)


@post(
    "/{name:str}/pause",
    opt={"role": Role.OPERATOR},
    status_code=200,
    sync_to_thread=True,
    summary="Pause a job type",
)
def pause(name: Name, data: JSONBody[JobTypePause], jobs: Given) -> JobType:
    """Nothing more is started; what runs goes on."""
    return jobs.pause_job_type(name, reason=data.reason)


@post(
    "/{name:str}/resume",
    opt={"role": Role.OPERATOR},
    status_code=200,
    sync_to_thread=True,
    summary="Resume a job type",
)
def resume(name: Name, jobs: Given) -> JobType:
    return jobs.resume_job_type(name)


@get("/{name:str}/limits", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Who waits for the limits")
def usage(name: Name, jobs: Given, count: KeyCount = 20) -> Page[KeyUsage]:
    """By key, those with the most waiting jobs first."""
    return Page(items=jobs.limit_usage(name, count))


@put("/{name:str}/limits", opt={"role": Role.OPERATOR}, sync_to_thread=True, summary="Limit a job type")
def limit(name: Name, data: JSONBody[JobTypeLimits], jobs: Given) -> JobType:
    """These limits hold instead of those of the code. An empty object means no limits."""
    return jobs.limit_job_type(name, data)


@delete(
    "/{name:str}/limits",
    opt={"role": Role.OPERATOR},
    status_code=200,
    sync_to_thread=True,
    summary="Reset the limits of a job type",
)
def reset(name: Name, jobs: Given) -> JobType:
    """The limits of the code hold again."""
    return jobs.limit_job_type(name, None)


router = Router("/api/job-types", route_handlers=[index, show, pause, resume, usage, limit, reset], tags=["Job types"])
