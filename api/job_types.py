"""/api/job-types: what can be submitted, and what its payload must look like."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.params import PathParameter

from aeon_jobs.api.callers import Role
from aeon_jobs.api.errors import not_found
from aeon_jobs.api.schemas import JsonObject
from aeon_jobs.api.services import Given
from aeon_jobs.persistence.core.models import JobType as JobTypeRow
from aeon_jobs.persistence.queue import job_types

Name = Annotated[str, PathParameter(min_length=1, max_length=100)]


class JobType(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    queue_name: str
    description: str
    payload_schema: JsonObject
    """JSON Schema, draft 2020-12."""
    example: JsonObject
    """A payload that is valid."""
    priority: int
    max_retries: int
    timeout_ms: int
    updated_at: datetime


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Job types")
def index(services: Given) -> list[JobType]:
    with services.database.connection() as connection:
        return [_view(row) for row in job_types.every(connection)]


@get("/{name:str}", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="A job type")
def show(name: Name, services: Given) -> JobType:
    with services.database.connection() as connection:
        found = job_types.get_many(connection, {name})
    if name not in found:
        raise not_found(f"no job type {name!r:.120}")
    return _view(found[name])


def _view(row: JobTypeRow) -> JobType:
    return JobType(**{name: getattr(row, name) for name in JobType.__struct_fields__})


router = Router("/api/job-types", route_handlers=[index, show], tags=["Job types"])
