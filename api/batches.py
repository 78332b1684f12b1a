"""/api/jobs/bulk: many jobs in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.params import JSONBody
from sqlalchemy import Connection

from aeon_jobs.api.body import ApiRequest
from aeon_jobs.api.callers import Role
from aeon_jobs.api.deadlocks import again_after_deadlock
from aeon_jobs.api.idempotency import REPLAYED, IdempotencyKey, once
from aeon_jobs.api.journal import note
from aeon_jobs.api.schemas import BatchAnswer, BatchForm, BatchItem, BulkForm, RetryManyForm, SubmittedJobs, submitted
from aeon_jobs.api.services import Given, Services
from aeon_jobs.api.traces import trace_of
from aeon_jobs.persistence.admin import bulk
from aeon_jobs.persistence.admin.bulk import Change, Item
from aeon_jobs.persistence.queue import jobs

Work = Callable[[Connection, Sequence[UUID]], list[Item]]


@post(
    "/bulk",
    opt={"role": Role.SUBMITTER, "headers": ["Idempotency-Replayed"]},
    sync_to_thread=True,
    summary="Submit many jobs",
)
def submit(
    data: JSONBody[BulkForm], request: ApiRequest, services: Given, key: IdempotencyKey = None
) -> Response[SubmittedJobs]:
    """All are stored, or none. Errors name the job: `jobs[17].payload.to`."""
    answer, replayed = _submit(services, request, data, key)
    if not replayed:
        services.wakeups.job_ready()
    return Response(
        msgspec.convert(answer, SubmittedJobs), status_code=201, headers={REPLAYED: "true"} if replayed else {}
    )


@again_after_deadlock
def _submit(services: Services, request: ApiRequest, data: BulkForm, key: str | None) -> tuple[Mapping[str, Any], bool]:
    trace = trace_of(request.headers)
    new = [form.new_job(request.user.name, *trace) for form in data.jobs]
    with services.database.transaction() as connection:

        def work() -> Mapping[str, Any]:
            stored = jobs.submit_many(connection, new)
            plain: Mapping[str, Any] = msgspec.to_builtins(SubmittedJobs([submitted(job) for job in stored]))
            return plain

        return once(connection, request, key, data, work)


@post("/bulk/cancel", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Cancel many jobs")
def cancel(data: JSONBody[BatchForm], request: ApiRequest, services: Given) -> BatchAnswer:
    """Cancel many jobs. Those that run are asked to stop: `requested`."""
    by = request.user.name
    answer = _change(services, request, data, "cancel", lambda c, ids: bulk.cancel(c, ids, by=by, reason=data.reason))
    for item in answer.items:
        if item.outcome == "requested" and not data.dry_run:
            services.wakeups.cancel(item.job_id)
    return answer


@post("/bulk/retry", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Retry many jobs")
def retry(data: JSONBody[RetryManyForm], request: ApiRequest, services: Given) -> BatchAnswer:
    """Retry many jobs: failed and cancelled ones start anew, waiting ones wait no longer."""
    by = request.user.name
    answer = _change(services, request, data, "requeue", lambda c, ids: bulk.requeue(c, ids, by=by, pace=data.pace))
    services.wakeups.job_ready()
    return answer


@again_after_deadlock
def _change(services: Services, request: ApiRequest, data: BatchForm, change: Change, work: Work) -> BatchAnswer:
    with services.database.transaction() as connection:
        ids = data.ids or _matching(connection, data, change)
        chosen = ids[: bulk.MAX_BATCH]
        items = bulk.foretell(connection, chosen, change) if data.dry_run else work(connection, chosen)
        answer = batch_answer(items, dry_run=data.dry_run, more=len(ids) > bulk.MAX_BATCH)
        if not data.dry_run:
            subject = ("jobs", f"{len(chosen)} jobs")
            after = {"changed": answer.changed, "ids": [item.job_id for item in items][:1_000]}
            note(connection, request, f"jobs.{change}", subject, after=after, reason=data.reason)
    return answer


def batch_answer(items: Sequence[Item], *, dry_run: bool, more: bool) -> BatchAnswer:
    views = [BatchItem(item.job_id, item.outcome, item.status) for item in items]
    changed = sum(view.outcome in {"done", "requested"} for view in views)
    return BatchAnswer(dry_run=dry_run, changed=changed, items=views, more=more)


def _matching(connection: Connection, data: BatchForm, change: Change) -> list[UUID]:
    # BatchForm has one of the two.
    assert data.filter is not None
    is_paced = isinstance(data, RetryManyForm) and data.per_second is not None
    return bulk.of_filter(connection, data.filter.filter(), change, is_paced=is_paced)


handlers = [submit, cancel, retry]
