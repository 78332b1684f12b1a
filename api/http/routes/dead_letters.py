"""/api/dead-letters: jobs that somebody has to look at, and the ways out."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, delete, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from aeon_jobs.api.contract import (
    BatchAnswer,
    DeadLetter,
    DeadLetterFilter,
    DeadLetterRequeue,
    DeadLetterSelection,
    DeadLetterStatus,
    DeadLetterSummary,
    DeadReason,
    FailureGroups,
    FailurePeriod,
    Job,
    Page,
    RequeueRequest,
)
from aeon_jobs.api.http.parameters import Archived, Cursor, Limit, Reason, Text
from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.api.service.core.validation import read

# A larger number names nothing, and PostgreSQL would refuse it.
Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="List dead letters")
def index(
    jobs: Given,
    status: Annotated[DeadLetterStatus, QueryParameter()] = "open",
    job_type: Text = None,
    queue_name: Text = None,
    reason: Annotated[DeadReason | None, QueryParameter()] = None,
    error_type: Text = None,
    fingerprint: Text = None,
    archived: Archived = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DeadLetterSummary]:
    """Newest first."""
    given = {
        "job_type": job_type,
        "queue_name": queue_name,
        "reason": reason,
        "error_type": error_type,
        "fingerprint": fingerprint,
        "archived": archived,
    }
    return jobs.dead_letter_page(read(DeadLetterFilter, given), status=status, limit=limit, cursor=cursor)


@get("/groups", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Dead letters by cause, over time")
def groups(
    jobs: Given,
    period: Annotated[FailurePeriod, QueryParameter(description="of the charts")] = "7d",
    fingerprint: Text = None,
    limit: Limit = 50,
) -> FailureGroups:
    """With a chart and a sample of each. The one with the most open dead letters first."""
    return jobs.failure_groups(period, fingerprint=fingerprint, limit=limit)


@get(
    "/{dead_letter_id:int}",
    opt={"role": Role.VIEWER},
    sync_to_thread=True,
    summary="A dead letter, its whole history",
)
def show(dead_letter_id: Number, jobs: Given) -> DeadLetter:
    return jobs.dead_letter(dead_letter_id)


@post(
    "/{dead_letter_id:int}/requeue",
    opt={"role": Role.OPERATOR, "errors": [409]},
    status_code=200,
    sync_to_thread=True,
    summary="Requeue",
)
def requeue(dead_letter_id: Number, data: JSONBody[RequeueRequest], jobs: Given) -> Job:
    """The job starts anew, with `payload` an edited one; its history is kept."""
    return jobs.requeue_dead_letter(dead_letter_id, payload=data.payload, reason=data.reason)


@delete("/{dead_letter_id:int}", opt={"role": Role.OPERATOR}, status_code=204, sync_to_thread=True, summary="Discard")
def discard(dead_letter_id: Number, jobs: Given, reason: Reason = None) -> None:
    """Closed without another try; the job stays failed."""
    jobs.discard_dead_letter(dead_letter_id, reason=reason)


@post("/bulk/requeue", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Requeue many")
def requeue_many(data: JSONBody[DeadLetterRequeue], jobs: Given) -> BatchAnswer:
    return jobs.requeue_selected_dead_letters(data)


@post("/bulk/discard", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Discard many")
def discard_many(data: JSONBody[DeadLetterSelection], jobs: Given) -> BatchAnswer:
    return jobs.discard_selected_dead_letters(data)


router = Router(
    "/api/dead-letters",
    route_handlers=[index, groups, show, requeue, discard, requeue_many, discard_many],
    tags=["Dead letters"],
)
