"""/api/jobs: submit, look, change, cancel, retry. `bulk` has what concerns many jobs at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, patch, post
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter

from aeon_jobs.api.contract import (
    Explanation,
    Job,
    JobChange,
    JobFilter,
    JobSummary,
    LogLine,
    NewJob,
    Page,
    Submitted,
)
from aeon_jobs.api.http.etags import etag, is_known
from aeon_jobs.api.http.idempotency import IdempotencyKey, replayed
from aeon_jobs.api.http.parameters import Cursor, Limit, Offset, Order, Reason, SortBy
from aeon_jobs.api.http.requests import ApiRequest
from aeon_jobs.api.http.resources import Given, GivenResources, Resources
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.principals import Role

_CHANGE = {"role": Role.OPERATOR, "headers": ["ETag"], "errors": [409, 412]}
Wait = Annotated[int, QueryParameter(ge=0, le=60, description="seconds to wait for the end of the job")]
Attempt = Annotated[int | None, QueryParameter(ge=1, le=2_147_483_647, description="lines of this attempt alone")]
LogCursor = Annotated[
    str | None, QueryParameter(max_length=30, description="attempt-line, such as 1-20: lines after this one")
]
Which = NamedDependency[JobFilter]
WithTotal = Annotated[bool, QueryParameter(description="count what matches, up to 10,000")]


@post(
    "/",
    opt={"role": Role.SUBMITTER, "headers": ["Location", "Idempotency-Replayed"], "errors": [404, 409]},
    responses={200: ResponseSpec(Submitted, description="An idempotency_key brought this job back.")},
    sync_to_thread=True,
    summary="Submit a job",
)
def submit(data: JSONBody[NewJob], jobs: Given, key: IdempotencyKey = None) -> Response[Submitted]:
    """201 for a new job; 200 when the body's idempotency_key brought an existing one back."""
    job, is_repeated = jobs.submit_once(data, key)
    headers = {"Location": f"/api/jobs/{job.job_id}", **replayed(is_repeated)}
    return Response(job, status_code=201 if job.is_new else 200, headers=headers)


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="List jobs")
def index(
    which: Which,
    jobs: Given,
    sort: SortBy = "created_at",
    order: Order = "desc",
    limit: Limit = 50,
    offset: Offset = 0,
    cursor: Cursor = None,
    total: WithTotal = False,
) -> Page[JobSummary]:
    """Without payload and result. Follow `next_cursor`: nothing is left out or twice while new jobs arrive."""
    return jobs.page(
        which, sort=sort, descending=order == "desc", limit=limit, offset=offset, cursor=cursor, total=total
    )


@get(
    "/by-prefix/{prefix:str}", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Jobs by the beginning of an id"
)
def find(prefix: Annotated[str, PathParameter(min_length=4, max_length=36)], jobs: Given) -> Page[JobSummary]:
    """Ten at most, the newest first. Four hexadecimal digits at least."""
    return Page(items=jobs.find(prefix))


@get(
    "/{job_id:uuid}",
    opt={"role": Role.VIEWER, "headers": ["ETag"]},
    responses={304: ResponseSpec(None, description="It is as If-None-Match says.")},
    summary="A job and its attempts",
)
async def show(
    job_id: FromPath[UUID], request: ApiRequest, jobs: Given, resources: GivenResources, wait: Wait = 0
) -> Response[Job]:
    """With `wait` the answer comes when the job is over, or after so many seconds. If-None-Match is respected."""
    if wait:
        resources.streams.open(request)
        await _until_over(resources, job_id, wait)
    return await sync_to_thread(_show, job_id, request, jobs)


async def _until_over(resources: Resources, job_id: UUID, seconds: int) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            if (await resources.streams.state_of(job_id)).is_final:
                return
            async for state in resources.streams.changes_of(job_id):
                if state and state.is_final:
                    return


def _show(job_id: UUID, request: ApiRequest, jobs: Jobs) -> Response[Job]:
    job = jobs.get(job_id)
    if is_known(request, job.updated_at):
        return Response(None, status_code=304, headers=etag(job.updated_at))  # type: ignore[arg-type]
    return _answer(job)


@get("/{job_id:uuid}/explain", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Why it is not running")
def explain(job_id: FromPath[UUID], jobs: Given) -> Explanation:
    """Every reason that holds now."""
    return jobs.explain(job_id)


@get("/{job_id:uuid}/logs", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="What its handler logged")
def logs(
    job_id: FromPath[UUID], jobs: Given, attempt: Attempt = None, limit: Limit = 200, cursor: LogCursor = None
) -> Page[LogLine]:
    """Lines, the oldest first: of every attempt, or of one. To follow a running job, ask again from its last line on."""
    return jobs.log_page(job_id, attempt=attempt, limit=limit, cursor=cursor)


@patch("/{job_id:uuid}", opt=_CHANGE, sync_to_thread=True, summary="Change a pending job")
def change(job_id: FromPath[UUID], data: JSONBody[JobChange], jobs: Given) -> Response[Job]:
    """Its priority, its moment, or both. If-Match is respected."""
    return _answer(jobs.change_as(job_id, data))


@delete(
    "/{job_id:uuid}",
    opt={**_CHANGE, "role": Role.SUBMITTER},
    status_code=200,
    responses={202: ResponseSpec(Job, description="It runs, and was asked to stop.")},
    sync_to_thread=True,
    summary="Cancel a job",
)
def cancel(job_id: FromPath[UUID], jobs: Given, reason: Reason = None) -> Response[Job]:
    """200: it is cancelled. 202: it runs, and its handler was asked to stop. A submitter may cancel its own."""
    job = jobs.cancel(job_id, reason=reason)
    return _answer(job, status=202 if job.status == "running" else 200)


@post("/{job_id:uuid}/retry", opt=_CHANGE, status_code=200, sync_to_thread=True, summary="Retry now")
def retry(job_id: FromPath[UUID], jobs: Given, reason: Reason = None) -> Response[Job]:
    """A pending job need not wait for its moment any longer; a failed or cancelled one gets a new life."""
    return _answer(jobs.retry(job_id, reason=reason))


@post("/{job_id:uuid}/requeue", opt=_CHANGE, status_code=200, sync_to_thread=True, summary="Requeue")
def requeue(job_id: FromPath[UUID], jobs: Given, reason: Reason = None) -> Response[Job]:
    """A failed or cancelled job starts anew; its history is kept."""
    return _answer(jobs.requeue(job_id, reason=reason))


def _answer(job: Job, status: int = 200) -> Response[Job]:
    return Response(job, status_code=status, headers=etag(job.updated_at))


handlers = [submit, index, find, show, explain, logs, change, cancel, retry, requeue]
