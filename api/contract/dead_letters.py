"""Dead letters: jobs that somebody has to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from annotated_types import MaxLen, MinLen

from aeon_jobs.api.contract.fields import JsonObject, Key, Name, Reason, Request
from aeon_jobs.api.contract.jobs import DelayMs, Execution, PerSecond, Selection, delay_of_a_pace, one_of_two

DeadReason = Literal["exhausted", "permanent", "invalid_payload", "timeout", "poison", "unknown_type", "corrupt"]
DeadLetterStatus = Literal["open", "resolved", "all"]
FailurePeriod = Literal["24h", "7d", "30d"]
FAILURE_PERIODS: tuple[FailurePeriod, ...] = ("24h", "7d", "30d")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterSummary:
    id: int
    job_id: UUID | None
    job_type: str | None
    queue_name: str | None
    reason: DeadReason
    error_type: str | None
    error_message: str | None
    fingerprint: str | None
    """Failures of the same cause share it."""
    attempts: int
    created_at: datetime
    resolved_at: datetime | None
    resolution: Literal["requeued", "discarded"] | None
    resolved_by: str | None
    archived_at: datetime | None = None
    """When it moved to the archive; null: it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter(DeadLetterSummary):
    payload: JsonObject | None
    traceback: str | None
    executions: list[Execution]
    """Every attempt of the job, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Dead letters of one fingerprint, with the newest of them as a sample."""

    fingerprint: str | None
    """Null: those without one, whatever their causes."""
    job_type: str | None
    queue_name: str | None
    reason: DeadReason
    error_type: str | None
    error_message: str | None
    """Of the sample, cut at 2,000 characters."""
    traceback: str | None
    """Of the sample, cut at 20,000 characters."""
    dead_letter_id: int
    """The sample."""
    job_id: UUID | None
    """Its job."""
    open: int
    """Open ones, of all time."""
    count: int
    """Open and resolved ones of the period."""
    first_seen_at: datetime
    """Of the open ones, and of those of the period."""
    last_seen_at: datetime
    chart: list[int]
    """The dead letters of the period in 24 even parts, the oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroups:
    """Dead letters by cause."""

    period: FailurePeriod
    step_s: int
    """Seconds of one part of the charts."""
    is_capped: bool
    """The period has more than 20,000 dead letters: the oldest of them are in no count and no chart."""
    items: list[FailureGroup]
    """The one with the most open dead letters first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterFilter(Request):
    """Which dead letters; all conditions hold at once. Empty means all."""

    job_type: Name | None = None
    queue_name: Name | None = None
    reason: DeadReason | None = None
    error_type: Key | None = None
    fingerprint: Annotated[str, MinLen(1), MaxLen(64)] | None = None
    archived: bool = False
    """Dead letters of the archive instead: all of them are resolved, and they are only listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequeueRequest(Request):
    """How a dead letter is requeued."""

    payload: JsonObject | None = None
    """Instead of the payload that failed."""
    reason: Reason | None = None
    """Is stored in the audit log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterSelection(Selection):
    """Dead letters by the `ids` of their jobs, or by `filter` (the oldest 10,000 that match)."""

    filter: DeadLetterFilter | None = None
    """{} means every open dead letter."""

    def __post_init__(self) -> None:
        one_of_two(self.ids, self.filter)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterRequeue(DeadLetterSelection):
    """Dead letters by the `ids` of their jobs, or by `filter` (the oldest 10,000 that match)."""

    per_second: PerSecond | None = None
    """Jobs that begin per second; default: all at once."""
    delay_ms: DelayMs = 0
    """Before the first; needs per_second."""

    def __post_init__(self) -> None:
        DeadLetterSelection.__post_init__(self)
        delay_of_a_pace(self.per_second, self.delay_ms)
