"""/api/dead-letters: jobs that somebody has to look at, and the ways out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter
from pydantic import Field, model_validator
from sqlalchemy import Connection

from aeon_jobs.api.batches import batch_answer
from aeon_jobs.api.body import ApiRequest
from aeon_jobs.api.callers import Role
from aeon_jobs.api.deadlocks import again_after_deadlock
from aeon_jobs.api.errors import not_found
from aeon_jobs.api.journal import note
from aeon_jobs.api.queries import Cursor, Limit, Reason
from aeon_jobs.api.schemas import (
    BatchAnswer,
    Execution,
    Form,
    Id,
    JobDetail,
    JsonObject,
    Key,
    Name,
    Paced,
    detail,
    execution,
)
from aeon_jobs.api.schemas import Reason as ReasonText
from aeon_jobs.api.services import Given, Services
from aeon_jobs.persistence.admin import bulk
from aeon_jobs.persistence.admin.bulk import MAX_BATCH, Change, Item
from aeon_jobs.persistence.queue import dead_letters, executions
from aeon_jobs.persistence.reads.dead_letter_lists import LetterFilter, causes, job_ids, letter, letters

DeadReason = Literal["exhausted", "permanent", "invalid_payload", "timeout", "poison", "unknown_type", "corrupt"]
# A larger number names nothing, and PostgreSQL would refuse it.
LetterId = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
_Text = Annotated[str | None, QueryParameter(min_length=1, max_length=255)]


class LetterSummary(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    job_id: UUID | None
    job_type: str | None
    queue_name: str | None
    reason: DeadReason
    error_type: str | None
    error_message: str | None
    fingerprint: str | None
    attempts: int
    created_at: datetime
    resolved_at: datetime | None
    resolution: Literal["requeued", "discarded"] | None
    resolved_by: str | None


class Letter(LetterSummary, frozen=True, kw_only=True):
    payload: JsonObject | None
    traceback: str | None
    executions: list[Execution]
    """Every attempt of the job, oldest first."""


class LetterList(msgspec.Struct, frozen=True):
    items: list[LetterSummary]
    next_cursor: str | None


class LetterCause(msgspec.Struct, frozen=True):
    fingerprint: str | None
    job_type: str | None
    error_type: str | None
    error_message: str | None
    count: int


class RequeueForm(Form):
    payload: JsonObject | None = Field(None, description="instead of the payload that failed")
    reason: ReasonText | None = None


class LetterFilterForm(Form):
    """Which open dead letters; conditions combine with AND."""

    job_type: Name | None = None
    queue_name: Name | None = None
    reason: DeadReason | None = None
    error_type: Key | None = None
    fingerprint: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class LetterBatchForm(Form):
    """Dead letters by the `ids` of their jobs, or by `filter` (the oldest 10,000 that match)."""

    ids: list[Id] | None = Field(None, min_length=1, max_length=MAX_BATCH)
    filter: LetterFilterForm | None = Field(None, description="{} means every open dead letter")
    dry_run: bool = False
    reason: ReasonText | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> LetterBatchForm:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("must have either ids or filter")
        return self


class LetterRequeueForm(LetterBatchForm, Paced):
    """Dead letters by the `ids` of their jobs, or by `filter` (the oldest 10,000 that match)."""


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="List dead letters")
def index(
    services: Given,
    status: Annotated[Literal["open", "resolved", "all"], QueryParameter()] = "open",
    job_type: _Text = None,
    queue_name: _Text = None,
    reason: Annotated[DeadReason | None, QueryParameter()] = None,
    error_type: _Text = None,
    fingerprint: _Text = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> LetterList:
    """Newest first."""
    which = LetterFilter(
        open={"open": True, "resolved": False, "all": None}[status],
        job_type=job_type,
        queue_name=queue_name,
        reason=reason,
        error_type=error_type,
        fingerprint=fingerprint,
    )
    with services.database.connection() as connection:
        page = letters(connection, which, limit=limit, cursor=cursor)
    return LetterList([_summary(row) for row in page.rows], page.next_cursor)


@get("/causes", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Open dead letters by cause")
def by_cause(services: Given, limit: Limit = 50) -> list[LetterCause]:
    """The most frequent first: one bug, one line."""
    with services.database.connection() as connection:
        found = causes(connection, limit)
    return [LetterCause(c.fingerprint, c.job_type, c.error_type, c.error_message, c.count) for c in found]


@get("/{letter_id:int}", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="A dead letter, its whole history")
def show(letter_id: LetterId, services: Given) -> Letter:
    with services.database.connection() as connection:
        row = letter(connection, letter_id)
        attempts = executions.of_job(connection, row.job_id) if row.job_id else []
    fields = {name: getattr(row, name) for name in Letter.__struct_fields__ if name != "executions"}
    return Letter(**fields, executions=[execution(attempt) for attempt in attempts])


@post(
    "/{letter_id:int}/requeue",
    opt={"role": Role.OPERATOR, "errors": [409]},
    status_code=200,
    sync_to_thread=True,
    summary="Requeue",
)
def requeue(letter_id: LetterId, data: JSONBody[RequeueForm], request: ApiRequest, services: Given) -> JobDetail:
    """The job starts anew, with `payload` an edited one; its history is kept."""
    with services.database.transaction() as connection:
        job_id = _job_of(connection, letter_id)
        job = dead_letters.requeue(connection, job_id, by=request.user.name, payload=data.payload)
        after = {"payload": data.payload} if data.payload is not None else None
        _note(connection, request, "dead_letter.requeue", letter_id, data.reason, after)
        answer = detail(connection, job.id)
    services.wakeups.job_ready()
    return answer


@delete("/{letter_id:int}", opt={"role": Role.OPERATOR}, status_code=204, sync_to_thread=True, summary="Discard")
def discard(letter_id: LetterId, request: ApiRequest, services: Given, reason: Reason = None) -> None:
    """Closed without another try; the job stays failed."""
    with services.database.transaction() as connection:
        dead_letters.discard(connection, _job_of(connection, letter_id), by=request.user.name)
        _note(connection, request, "dead_letter.discard", letter_id, reason)


@post("/bulk/requeue", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Requeue many")
def requeue_many(data: JSONBody[LetterRequeueForm], request: ApiRequest, services: Given) -> BatchAnswer:
    answer = _change(services, request, data, "requeue", partial(bulk.requeue, pace=data.pace))
    services.wakeups.job_ready()
    return answer


@post("/bulk/discard", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Discard many")
def discard_many(data: JSONBody[LetterBatchForm], request: ApiRequest, services: Given) -> BatchAnswer:
    return _change(services, request, data, "discard", bulk.discard)


@again_after_deadlock
def _change(
    services: Services, request: ApiRequest, data: LetterBatchForm, change: Change, work: Callable[..., list[Item]]
) -> BatchAnswer:
    with services.database.transaction() as connection:
        ids = data.ids or job_ids(connection, _filter(data), MAX_BATCH + 1)
        chosen: Sequence[UUID] = ids[:MAX_BATCH]
        if data.dry_run:
            return batch_answer(bulk.foretell(connection, chosen, change), dry_run=True, more=len(ids) > MAX_BATCH)
        items = work(connection, chosen, by=request.user.name)
        answer = batch_answer(items, dry_run=False, more=len(ids) > MAX_BATCH)
        after = {"changed": answer.changed, "ids": [item.job_id for item in items][:1_000]}
        subject = ("dead_letters", f"{len(chosen)} jobs")
        note(connection, request, f"dead_letters.{change}", subject, after=after, reason=data.reason)
    return answer


def _filter(data: LetterBatchForm) -> LetterFilter:
    assert data.filter is not None
    return LetterFilter(**data.filter.model_dump())


def _job_of(connection: Connection, letter_id: int) -> UUID:
    job_id = letter(connection, letter_id).job_id
    if job_id is None:
        raise not_found(f"dead letter {letter_id} belongs to no job: it cannot be requeued, and has nothing to close")
    return job_id


def _summary(row: Mapping[str, Any]) -> LetterSummary:
    return LetterSummary(**{name: row[name] for name in LetterSummary.__struct_fields__})


def _note(
    connection: Connection,
    request: ApiRequest,
    action: str,
    letter_id: int,
    reason: str | None,
    after: Mapping[str, Any] | None = None,
) -> None:
    note(connection, request, action, ("dead_letter", letter_id), after=after, reason=reason)


router = Router(
    "/api/dead-letters",
    route_handlers=[index, by_cause, show, requeue, discard, requeue_many, discard_many],
    tags=["Dead letters"],
)
