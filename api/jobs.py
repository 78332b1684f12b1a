"""/api/jobs: submit, look, change, cancel, retry. `batches` has what concerns many jobs at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy import Connection

from aeon_jobs.api.auth import forbidden
from aeon_jobs.api.body import ApiRequest
from aeon_jobs.api.callers import Caller, Role
from aeon_jobs.api.deadlocks import again_after_deadlock
from aeon_jobs.api.errors import ProblemError
from aeon_jobs.api.etags import etag, is_known, refuse_changed
from aeon_jobs.api.idempotency import REPLAYED, IdempotencyKey, once
from aeon_jobs.api.journal import note
from aeon_jobs.api.queries import Cursor, Limit, Offset, Order, Reason, SortBy
from aeon_jobs.api.schemas import JobChange, JobDetail, JobForm, JobList, SubmittedJob, detail, submitted, summaries
from aeon_jobs.api.services import Given, Services
from aeon_jobs.api.traces import trace_of
from aeon_jobs.persistence.core.models import Job
from aeon_jobs.persistence.queue import dead_letters, jobs, pending
from aeon_jobs.persistence.reads import listing

_CHANGE = {"role": Role.OPERATOR, "headers": ["ETag"], "errors": [409, 412]}
Wait = Annotated[int, QueryParameter(ge=0, le=60, description="seconds to wait for the end of the job")]
Which = NamedDependency[listing.Filter]
_WATCHED = ("status", "priority", "scheduled_at", "payload", "retry_count")
"""What the audit log tells of a change."""
WithTotal = Annotated[bool, QueryParameter(description="count what matches, up to 10,000")]


@post(
    "/",
    opt={"role": Role.SUBMITTER, "headers": ["Location", "Idempotency-Replayed"]},
    responses={200: ResponseSpec(SubmittedJob, description="An idempotency_key brought this job back.")},
    sync_to_thread=True,
    summary="Submit a job",
)
def submit(
    data: JSONBody[JobForm], request: ApiRequest, services: Given, key: IdempotencyKey = None
) -> Response[SubmittedJob]:
    """201 for a new job; 200 when the body's idempotency_key brought an existing one back."""
    answer, replayed = _submit(services, request, data, key)
    if answer["is_new"] and not replayed:
        services.wakeups.job_ready()
    headers = {"Location": f"/api/jobs/{answer['job_id']}", **({REPLAYED: "true"} if replayed else {})}
    return Response(
        msgspec.convert(answer, SubmittedJob), status_code=201 if answer["is_new"] else 200, headers=headers
    )


@again_after_deadlock
def _submit(services: Services, request: ApiRequest, data: JobForm, key: str | None) -> tuple[Mapping[str, Any], bool]:
    new = data.new_job(request.user.name, *trace_of(request.headers))
    # A job that stands for itself is one statement, and that is a transaction anyway: three round trips less.
    is_alone = not (key or new.idempotency_key or new.depends_on)
    with services.database.connection() if is_alone else services.database.transaction() as connection:

        def work() -> Mapping[str, Any]:
            job_type = services.known_types.get(connection, new.job_type)
            return _plain(submitted(jobs.submit(connection, new, job_type)))

        return once(connection, request, key, data, work)


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="List jobs")
def index(
    which: Which,
    services: Given,
    sort: SortBy = "created_at",
    order: Order = "desc",
    limit: Limit = 50,
    offset: Offset = 0,
    cursor: Cursor = None,
    total: WithTotal = False,
) -> JobList:
    """Without payload and result. Follow `next_cursor`: nothing is left out or twice while new jobs arrive."""
    with services.database.connection() as connection:
        page = listing.page(
            connection,
            which,
            sort=sort,
            descending=order == "desc",
            limit=limit,
            cursor=cursor,
            offset=offset,
        )
        count = listing.total(connection, which) if total else None
    return JobList(
        items=summaries(page.rows),
        next_cursor=page.next_cursor,
        total=None if count is None else min(count, listing.MAX_TOTAL),
        total_is_capped=count is not None and count > listing.MAX_TOTAL,
    )


@get(
    "/{job_id:uuid}",
    opt={"role": Role.VIEWER, "headers": ["ETag"]},
    responses={304: ResponseSpec(None, description="It is as If-None-Match says.")},
    summary="A job and its attempts",
)
async def show(job_id: FromPath[UUID], request: ApiRequest, services: Given, wait: Wait = 0) -> Response[JobDetail]:
    """With `wait` the answer comes when the job is over, or after so many seconds. If-None-Match is respected."""
    if wait:
        await _until_over(services, job_id, wait)
    return await sync_to_thread(_show, job_id, request, services)


async def _until_over(services: Services, job_id: UUID, seconds: int) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            if (await services.streams.state_of(job_id)).is_final:
                return
            async for state in services.streams.changes_of(job_id):
                if state and state.is_final:
                    return


def _show(job_id: UUID, request: ApiRequest, services: Services) -> Response[JobDetail]:
    with services.database.connection() as connection:
        job = detail(connection, job_id)
    headers = {"ETag": etag(job.updated_at)}
    if is_known(request, job.updated_at):
        return Response(None, status_code=304, headers=headers)  # type: ignore[arg-type]
    return Response(job, headers=headers)


@patch("/{job_id:uuid}", opt=_CHANGE, sync_to_thread=True, summary="Change a pending job")
def change(
    job_id: FromPath[UUID], data: JSONBody[JobChange], request: ApiRequest, services: Given
) -> Response[JobDetail]:
    """Its priority, its moment, or both. If-Match is respected."""
    with services.database.transaction() as connection:
        before = _locked(connection, request, job_id)
        job = pending.change(connection, job_id, priority=data.priority, scheduled_at=data.scheduled_at)
        _note(connection, request, "job.change", before, job)
        answer = _described(connection, job)
    services.wakeups.job_ready()
    return answer


@delete(
    "/{job_id:uuid}",
    opt={**_CHANGE, "role": Role.SUBMITTER},
    status_code=200,
    responses={202: ResponseSpec(JobDetail, description="It runs, and was asked to stop.")},
    sync_to_thread=True,
    summary="Cancel a job",
)
def cancel(job_id: FromPath[UUID], request: ApiRequest, services: Given, reason: Reason = None) -> Response[JobDetail]:
    """200: it is cancelled. 202: it runs, and its handler was asked to stop. A submitter may cancel its own."""
    with services.database.transaction() as connection:
        before = _locked(connection, request, job_id)
        _refuse_others(request.user, before)
        job = jobs.cancel(connection, job_id, reason=reason, by=request.user.name)
        _note(connection, request, "job.cancel", before, job, reason)
        answer = _described(connection, job, status=202 if job.status == "running" else 200)
    if job.status == "running":
        services.wakeups.cancel(job_id)
    return answer


@post("/{job_id:uuid}/retry", opt=_CHANGE, status_code=200, sync_to_thread=True, summary="Retry now")
def retry(job_id: FromPath[UUID], request: ApiRequest, services: Given, reason: Reason = None) -> Response[JobDetail]:
    """A pending job need not wait for its moment any longer; a failed or cancelled one gets a new life."""
    with services.database.transaction() as connection:
        before = _locked(connection, request, job_id)
        if before.status == "pending":
            job = pending.run_now(connection, job_id)
        else:
            job = dead_letters.requeue(connection, job_id, by=request.user.name)
        _note(connection, request, "job.retry", before, job, reason)
        answer = _described(connection, job)
    services.wakeups.job_ready()
    return answer


@post("/{job_id:uuid}/requeue", opt=_CHANGE, status_code=200, sync_to_thread=True, summary="Requeue")
def requeue(job_id: FromPath[UUID], request: ApiRequest, services: Given, reason: Reason = None) -> Response[JobDetail]:
    """A failed or cancelled job starts anew; its history is kept."""
    with services.database.transaction() as connection:
        before = _locked(connection, request, job_id)
        job = dead_letters.requeue(connection, job_id, by=request.user.name)
        _note(connection, request, "job.requeue", before, job, reason)
        answer = _described(connection, job)
    services.wakeups.job_ready()
    return answer


def _locked(connection: Connection, request: ApiRequest, job_id: UUID) -> Job:
    """The job as it stands, held until the change is committed; 412 if the caller meant another version of it."""
    refuse_changed(request, pending.lock(connection, job_id))
    return jobs.get(connection, job_id)


def _described(connection: Connection, job: Job, status: int = 200) -> Response[JobDetail]:
    return Response(
        detail(connection, job.id),
        status_code=status,
        headers={"ETag": etag(job.updated_at)},
    )


def _note(
    connection: Connection, request: ApiRequest, action: str, before: Job, after: Job, reason: str | None = None
) -> None:
    changed = [name for name in _WATCHED if getattr(before, name) != getattr(after, name)]
    note(
        connection,
        request,
        action,
        ("job", after.id),
        before={name: getattr(before, name) for name in changed},
        after={name: getattr(after, name) for name in changed},
        reason=reason,
    )


def _refuse_others(caller: Caller, job: Job) -> None:
    """Other people's jobs are an operator's business."""
    if not caller.may(Role.OPERATOR) and job.created_by != caller.name:
        raise ProblemError(forbidden(caller, Role.OPERATOR))


def _plain(answer: msgspec.Struct) -> Mapping[str, Any]:
    """As JSON would hold it."""
    plain: Mapping[str, Any] = msgspec.to_builtins(answer)
    return plain


handlers = [submit, index, show, change, cancel, retry, requeue]
