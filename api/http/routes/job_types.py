"""/api/job-types: what can be submitted, and what its payload must look like."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, get
from litestar.params import PathParameter

from aeon_jobs.api.contract import JobType, Page
from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service.core.principals import Role

Name = Annotated[str, PathParameter(min_length=1, max_length=100)]


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Job types")
def index(jobs: Given) -> Page[JobType]:
    return Page(items=jobs.job_types())


@get("/{name:str}", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="A job type")
def show(name: Name, jobs: Given) -> JobType:
    return jobs.job_type(name)


router = Router("/api/job-types", route_handlers=[index, show], tags=["Job types"])
