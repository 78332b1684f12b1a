"""What goes in (pydantic: strict, says everything that is wrong) and what comes out (msgspec: fast) for jobs.

Times are RFC 3339 with a zone; durations carry their unit in the name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast
from uuid import UUID

import msgspec
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from sqlalchemy import Connection

from aeon_jobs.persistence.admin.bulk import MAX_BATCH, Pace, pace_of
from aeon_jobs.persistence.core.models import JobExecution
from aeon_jobs.persistence.queue.jobs import MAX_BULK, MAX_DELAY_MS, NewJob, Submitted
from aeon_jobs.persistence.reads import details
from aeon_jobs.persistence.reads.listing import Filter

STATUSES = ("pending", "queued", "running", "completed", "failed", "cancelled")
Status = Literal["pending", "queued", "running", "completed", "failed", "cancelled"]


def parse_moment(value: Any) -> datetime:
    """A moment from RFC 3339 text. Bodies are validated strictly, so this comes before pydantic.

    Raises:
        ValueError: it is none, or has no time zone.
    """
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("must be a time such as 2030-01-31T09:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError("must carry a time zone, such as Z or +02:00")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time of this era") from None


def _uuid(value: Any) -> Any:
    try:
        return UUID(value)
    except (AttributeError, TypeError, ValueError):
        raise ValueError("must be a UUID") from None


Instant = Annotated[datetime, BeforeValidator(parse_moment)]
Id = Annotated[UUID, BeforeValidator(_uuid)]
Priority = Annotated[int, Field(ge=0, le=100, description="higher runs first")]
Retries = Annotated[int, Field(ge=0, le=10)]
Timeout = Annotated[int, Field(ge=1_000, le=600_000, description="milliseconds for one attempt")]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Key = Annotated[str, Field(min_length=1, max_length=255)]
Reason = Annotated[str, Field(min_length=1, max_length=1_000)]
JsonObject = dict[str, Any]


class Form(BaseModel):
    """Base of every body: a field that is not known is a mistake, not noise."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class JobForm(Form):
    """A job to run. What is left out is the job type's own default."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "job_type": "email_notification",
                    "payload": {"to": "ada@example.com", "subject": "Hello", "body": "Your report is ready."},
                    "priority": 75,
                }
            ]
        }
    )

    job_type: Name
    payload: JsonObject = Field(default_factory=dict, description="checked against the job type's schema")
    priority: Priority | None = None
    max_retries: Retries | None = None
    timeout_ms: Timeout | None = None
    scheduled_at: Instant | None = Field(None, description="not before this moment")
    metadata: JsonObject = Field(default_factory=dict, description="yours: kept, listed by, never interpreted")
    queue_name: Name | None = None
    idempotency_key: Key | None = Field(
        None, description="a second job of this type and key is not made: the first one comes back"
    )
    idempotency_window_s: Annotated[float, Field(gt=0, le=31_622_400)] | None = None
    depends_on: list[Id] = Field(default_factory=list, max_length=1_000)
    on_dependency_failure: Literal["wait", "cancel", "run"] = "wait"

    def new_job(self, created_by: str, traceparent: str | None = None, tracestate: str | None = None) -> NewJob:
        return NewJob(
            **{name: getattr(self, name) for name in type(self).model_fields},
            created_by=created_by,
            traceparent=traceparent,
            tracestate=tracestate,
        )


class SubmittedJob(msgspec.Struct, frozen=True):
    job_id: UUID
    status: Status
    created_at: datetime
    is_new: bool


def submitted(job: Submitted) -> SubmittedJob:
    return SubmittedJob(job.id, cast(Status, job.status), job.created_at, job.is_new)


class Execution(msgspec.Struct, frozen=True):
    """One attempt that ended."""

    attempt: int
    outcome: str
    worker_id: str | None
    started_at: datetime | None
    finished_at: datetime
    duration_ms: int | None
    error_type: str | None
    error_message: str | None
    traceback: str | None


class JobSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A job as lists show it: without payload and result, which may be large."""

    id: UUID
    job_id: UUID
    job_type: str
    queue_name: str
    status: Status
    priority: int
    retry_count: int
    max_retries: int
    timeout_ms: int
    attempt: int
    scheduled_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    created_by: str | None
    metadata: JsonObject
    progress: JsonObject | None
    error_message: str | None
    worker_id: str | None
    blocked_by: int
    cancel_requested_at: datetime | None
    cancel_requested_by: str | None
    cancel_reason: str | None
    schedule_id: UUID | None


class Dependency(msgspec.Struct, frozen=True):
    """A job that has to end before this one runs."""

    job_id: UUID
    job_type: str
    status: Status
    on_failure: Literal["wait", "cancel", "run"]
    satisfied_at: datetime | None


class JobDetail(JobSummary, frozen=True, kw_only=True):
    payload: JsonObject
    result: Any
    idempotency_key: str | None
    executions: list[Execution]
    dependencies: list[Dependency]


def execution(row: JobExecution) -> Execution:
    return Execution(
        **{name: getattr(row, name) for name in Execution.__struct_fields__ if name != "duration_ms"},
        duration_ms=_duration_ms(row),
    )


def summaries(rows: Sequence[Mapping[str, Any]]) -> list[JobSummary]:
    """From rows of `listing`."""
    return msgspec.convert([{**row, "job_id": row["id"]} for row in rows], list[JobSummary])


def detail(connection: Connection, job_id: UUID) -> JobDetail:
    """With its attempts, and what it depends on.

    Raises:
        JobNotFound
    """
    return msgspec.convert(details.of_job(connection, job_id), JobDetail)


def _duration_ms(row: JobExecution) -> int | None:
    if row.started_at is None:
        return None
    return round((row.finished_at - row.started_at).total_seconds() * 1_000)


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    items: list[JobSummary]
    next_cursor: str | None
    """The page after this one; null on the last."""
    total: int | None = None
    """With `total=true`: how many match, counted up to 10,000."""
    total_is_capped: bool = False
    """There are more than `total`."""


class JobChange(Form):
    """What may change while a job is pending."""

    priority: Priority | None = None
    scheduled_at: Instant | None = None


class BulkForm(Form):
    jobs: list[JobForm] = Field(min_length=1, max_length=MAX_BULK)


class SubmittedJobs(msgspec.Struct, frozen=True):
    jobs: list[SubmittedJob]
    """In the order of the submissions."""


class FilterForm(Form):
    """Which jobs; conditions combine with AND."""

    status: list[Status] = Field(default_factory=list)
    job_type: Name | None = None
    queue_name: Name | None = None
    created_by: Key | None = None
    created_after: Instant | None = Field(None, description="inclusive")
    created_before: Instant | None = Field(None, description="exclusive")
    metadata: JsonObject = Field(default_factory=dict, description="contained in the job's metadata")

    def filter(self) -> Filter:
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return Filter(**{**fields, "status": tuple(dict.fromkeys(self.status))})


class BatchForm(Form):
    """Jobs to change: by `ids`, or by `filter` (the oldest 10,000 that match and whose state allows the change)."""

    ids: list[Id] | None = Field(None, min_length=1, max_length=MAX_BATCH)
    filter: FilterForm | None = None
    dry_run: bool = Field(False, description="tell what would happen, and change nothing")
    reason: Reason | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> BatchForm:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("must have either ids or filter")
        if self.filter is not None and not self.filter.model_dump(exclude_defaults=True):
            raise ValueError("must have a filter with at least one condition")
        return self


class Paced(Form):
    """One after the other instead of all at once, the oldest first."""

    per_second: float | None = Field(
        None, gt=0, le=100_000, description="jobs that begin per second; default: all at once"
    )
    delay_ms: int = Field(0, ge=0, le=MAX_DELAY_MS, description="before the first; needs per_second")

    @property
    def pace(self) -> Pace | None:
        return pace_of(self.per_second, self.delay_ms)

    @model_validator(mode="after")
    def _delay_of_a_pace(self) -> Paced:
        if self.delay_ms and self.per_second is None:
            raise ValueError("delay_ms needs per_second")
        return self


class RetryManyForm(BatchForm, Paced):
    """Jobs to retry: by `ids`, or by `filter` (the oldest 10,000 that match)."""


class BatchItem(msgspec.Struct, frozen=True):
    job_id: UUID
    outcome: Literal["done", "requested", "wrong_state", "not_found"]
    """`requested`: the job runs and was asked to stop."""
    status: str | None


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    dry_run: bool
    changed: int
    items: list[BatchItem]
    more: bool
    """The filter matches more jobs than one call changes: call again."""
