"""Jobs: a submission, a change, which ones, and what a job looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from annotated_types import Ge, Gt, Le, MaxLen, MinLen

from aeon_jobs.api.contract.fields import (
    FINAL,
    Id,
    Instant,
    JsonObject,
    Key,
    Name,
    NotNull,
    Priority,
    Reason,
    Request,
    Retries,
    Status,
    TimeoutMs,
)

MAX_BATCH = 10_000
"""Most jobs of one bulk call."""
MAX_DELAY_MS = 10 * 365 * 86_400_000
OnFailure = Literal["wait", "cancel", "run"]
PerSecond = Annotated[float, Gt(0), Le(100_000)]
DelayMs = Annotated[int, Ge(0), Le(MAX_DELAY_MS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob(Request):
    """A job to run. What is left out (or null) is the job type's own default."""

    job_type: Name
    payload: Mapping[str, Any] = field(default_factory=dict)
    """Is checked against the schema of the job type."""
    priority: Priority | None = None
    """0 to 100, higher first."""
    max_retries: Retries | None = None
    """0 to 10, or up to what the job type declares."""
    timeout_ms: TimeoutMs | None = None
    """Milliseconds for one attempt: 1,000 to 600,000, or up to what the job type declares."""
    scheduled_at: Instant | None = None
    """Not before this moment."""
    expires_at: Instant | None = None
    """Not begun by this moment, the job is cancelled."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Yours: it is kept, jobs are listed by it, and it is never interpreted."""
    queue_name: Name | None = None
    idempotency_key: Key | None = None
    """A second job of this type and key is not made: the first one comes back."""
    idempotency_window_s: Annotated[float, Gt(0), Le(31_622_400)] | None = None
    """How long the key stays taken, in seconds; it is taken in any case while the job lives."""
    depends_on: Annotated[Sequence[Id], MaxLen(1_000)] = ()
    """Ids of jobs that must complete first."""
    on_dependency_failure: OnFailure = "wait"
    """When one of them fails: wait for somebody to requeue it, cancel this job, or run it."""
    workflow_id: Id | None = None
    """An open batch that the job is added to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJobs(Request):
    """Jobs to run. All are stored, or none."""

    jobs: Annotated[Sequence[NewJob], MinLen(1), MaxLen(MAX_BATCH)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The job that answers a submission."""

    job_id: UUID
    status: Status
    created_at: datetime
    is_new: bool
    """False: an idempotency key brought an existing job back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChange(Request):
    """What may change while a job is pending. What is left out stays as it is."""

    priority: Annotated[Priority | None, NotNull()] = None
    scheduled_at: Annotated[Instant | None, NotNull()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter(Request):
    """Which jobs; all conditions hold at once. Empty means all."""

    status: Sequence[Status] = ()
    id_prefix: Annotated[str, MinLen(4), MaxLen(36)] | None = None
    """The first 4 to 32 hexadecimal digits of the id, with or without hyphens."""
    job_type: Name | None = None
    queue_name: Name | None = None
    created_by: Key | None = None
    workflow_id: Id | None = None
    """Jobs of this workflow or batch. Not for the archive."""
    created_after: Instant | None = None
    """Inclusive."""
    created_before: Instant | None = None
    """Exclusive."""
    updated_after: Instant | None = None
    """Inclusive."""
    updated_before: Instant | None = None
    """Exclusive."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Is contained in the job's own."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    """Is contained in the job's own. For lists alone. No index has it: a page looks at 10,000 jobs at most."""
    archived: bool = False
    """Jobs of the archive instead. They are only listed, by created_at; to change one, name its id."""

    @property
    def is_empty(self) -> bool:
        return self == JobFilter() or self == JobFilter(status=[])


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection(Request):
    """What every bulk request has: which ones, and whether it is meant."""

    ids: Annotated[Sequence[Id], MinLen(1), MaxLen(MAX_BATCH)] | None = None
    dry_run: bool = False
    """Tell what would happen, and change nothing."""
    reason: Reason | None = None
    """Is stored in the audit log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSelection(Selection):
    """Jobs to change: by `ids`, or by `filter` (the oldest 10,000 that match and whose state allows the change)."""

    filter: JobFilter | None = None

    def __post_init__(self) -> None:
        one_of_two(self.ids, self.filter)
        if self.filter is not None and self.filter.is_empty:
            raise ValueError("must have a filter with at least one condition")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRetry(JobSelection):
    """Jobs to retry: by `ids`, or by `filter` (the oldest 10,000 that match)."""

    per_second: PerSecond | None = None
    """Jobs that begin per second; default: all at once."""
    delay_ms: DelayMs = 0
    """Before the first; needs per_second."""

    def __post_init__(self) -> None:
        JobSelection.__post_init__(self)
        delay_of_a_pace(self.per_second, self.delay_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsChange(JobSelection):
    """Pending jobs to change: by `ids`, or by `filter` (the oldest 10,000 that match)."""

    priority: Annotated[Priority | None, NotNull()] = None
    scheduled_at: Annotated[Instant | None, NotNull()] = None

    def __post_init__(self) -> None:
        JobSelection.__post_init__(self)
        if self.priority is None and self.scheduled_at is None:
            raise ValueError("must have priority or scheduled_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    job_id: UUID
    outcome: Literal["done", "requested", "wrong_state", "not_found"]
    """`requested`: the job runs and was asked to stop."""
    status: Status | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    dry_run: bool
    changed: int
    items: list[BatchItem]
    more: bool
    """The filter matches more jobs than one call changes: call again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """A job that has to end before this one runs."""

    job_id: UUID
    job_type: str
    status: Status
    on_failure: OnFailure
    satisfied_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """A job as lists show it: without payload and result, which may be large."""

    id: UUID
    job_id: UUID
    """The same as `id`."""
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
    """How many jobs it still waits for."""
    cancel_requested_at: datetime | None
    cancel_requested_by: str | None
    cancel_reason: str | None
    schedule_id: UUID | None
    workflow_id: UUID | None
    """The workflow or batch that it belongs to."""
    step_name: str | None
    """Its name in the workflow."""
    archived_at: datetime | None = None
    """When it moved to the archive; null: it did not."""

    @property
    def is_over(self) -> bool:
        return self.status in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(JobSummary):
    """A job with all that is known of it."""

    expires_at: datetime | None
    """Not begun by then, it is cancelled."""
    payload: JsonObject
    result: Any
    idempotency_key: str | None
    executions: list[Execution]
    """Every attempt, oldest first."""
    dependencies: list[Dependency]
    dead_letter_id: int | None
    """Its open dead letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationReason:
    code: str
    """For programs: `not_due`, `waits_for_jobs`, `queue_paused`, `limit_reached`, `job_type_paused`,
    `limit_of_type`, `rate_of_type`, `waits_for_turn`, `unknown_job_type`,
    `no_worker_for_queue`, `no_worker_for_type`, `no_dispatcher`, `behind_others`, `ready`, `queued`, `running`,
    `lease_expired`, `cancel_requested`, `completed`, `failed`, `cancelled`."""
    message: str
    details: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a job is not running: every reason that holds now."""

    job_id: UUID
    status: Status
    summary: str
    reasons: list[ExplanationReason]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """A job as it stands after a change."""

    job_id: UUID
    job_type: str
    queue_name: str
    status: Status
    priority: int
    attempt: int
    retry_count: int
    progress: JsonObject | None
    error_message: str | None
    scheduled_at: datetime | None
    cancel_requested_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime

    @property
    def is_over(self) -> bool:
        return self.status in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    id: str | None
    """Give it as `last_event_id` to go on after it."""
    kind: str
    """`progress` when nothing but that changed, else `state`."""
    job: JobEvent


def one_of_two(ids: object, which: object) -> None:
    """
    Raises:
        ValueError: both are given, or none.
    """
    if (ids is None) == (which is None):
        raise ValueError("must have either ids or filter")


def delay_of_a_pace(per_second: float | None, delay_ms: int) -> None:
    """
    Raises:
        ValueError
    """
    if delay_ms and per_second is None:
        raise ValueError("delay_ms needs per_second")
