"""/api/bulk-changes: changes of everything that matches a filter, worked off in the background."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, Router, delete, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from aeon_jobs.api.contract import BulkChange, BulkCount, NewBulkChange, Page
from aeon_jobs.api.http.parameters import Limit
from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service.core.principals import Role

ChangeId = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
Before = Annotated[int | None, QueryParameter(ge=1, le=2**63 - 1, description="only those begun before this one")]


@post("/", opt={"role": Role.OPERATOR, "headers": ["Location"]}, sync_to_thread=True, summary="Begin a bulk change")
def start(data: JSONBody[NewBulkChange], jobs: Given) -> Response[BulkChange]:
    """The dispatchers do it, some jobs at a time; a small one is done when the answer comes. Get it again for its progress."""
    begun = jobs.start_bulk_change_as(data)
    return Response(begun, status_code=201, headers={"Location": f"/api/bulk-changes/{begun.id}"})


@post("/count", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Count what it would change")
def count(data: JSONBody[NewBulkChange], jobs: Given) -> BulkCount:
    """Nothing is changed."""
    return jobs.count_bulk_change_as(data)


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Bulk changes")
def index(jobs: Given, before: Before = None, limit: Limit = 50) -> Page[BulkChange]:
    """Newest first."""
    return Page(items=jobs.bulk_changes(before=before, limit=limit))


@get("/{change_id:int}", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="A bulk change and its progress")
def show(change_id: ChangeId, jobs: Given) -> BulkChange:
    return jobs.bulk_change(change_id)


@delete(
    "/{change_id:int}", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Stop a bulk change"
)
def stop(change_id: ChangeId, jobs: Given) -> BulkChange:
    """What it has changed stays so, the rest is left alone. One that is over stays as it is."""
    return jobs.stop_bulk_change(change_id)


router = Router("/api/bulk-changes", route_handlers=[start, count, index, show, stop], tags=["Bulk changes"])
