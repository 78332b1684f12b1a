"""What the API answers, as frozen dataclasses. Fields that a newer server adds are ignored.

Times carry a zone; durations have their unit in the name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

T = TypeVar("T")
JsonObject = dict[str, Any]

FINAL = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    items: list[T]
    next_cursor: str | None = None
    total: int | None = None
    total_is_capped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    job_id: UUID
    status: str
    created_at: datetime
    is_new: bool
    """False: an idempotency key brought an existing job back."""


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
class JobSummary:
    """A job as lists show it: without payload and result."""

    job_id: UUID
    job_type: str
    queue_name: str
    status: str
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

    @property
    def is_over(self) -> bool:
        return self.status in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(JobSummary):
    payload: JsonObject
    result: Any
    idempotency_key: str | None
    executions: list[Execution]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    code: str
    """For programs: ``not_due``, ``waits_for_jobs``, ``queue_paused`` …"""
    message: str
    details: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    job_id: UUID
    status: str
    summary: str
    reasons: list[Reason]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """A job as it stands after a change."""

    job_id: UUID
    job_type: str
    queue_name: str
    status: str
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
    """``progress`` when nothing but that changed, else ``state``."""
    job: JobEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    job_id: UUID
    outcome: str
    """``done``, ``requested`` (it runs, and was asked to stop), ``wrong_state``, ``not_found``."""
    status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    dry_run: bool
    changed: int
    items: list[BatchItem]
    more: bool
    """The filter matches more jobs than one call changes: call again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterSummary:
    id: int
    job_id: UUID | None
    job_type: str | None
    queue_name: str | None
    reason: str
    error_type: str | None
    error_message: str | None
    fingerprint: str | None
    attempts: int
    created_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    resolved_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter(LetterSummary):
    payload: JsonObject | None
    traceback: str | None
    executions: list[Execution]


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterCause:
    """Open dead letters of one fingerprint."""

    fingerprint: str | None
    job_type: str | None
    error_type: str | None
    error_message: str | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    id: UUID
    name: str
    job_type: str
    cron: str
    timezone: str
    payload: JsonObject
    priority: int | None
    max_retries: int | None
    timeout_ms: int | None
    enabled: bool
    catch_up: str
    next_run_at: datetime | None
    last_run_at: datetime | None
    last_error: str | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    name: str
    ready: int
    queued: int
    running: int
    workers: int
    threads: int
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    max_running: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    id: str
    kind: str
    alive: bool
    state: str
    hostname: str
    pid: int
    version: str
    queues: list[str]
    job_types: list[str]
    threads: int
    busy: int
    started_at: datetime
    last_seen_at: datetime
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobType:
    name: str
    queue_name: str
    description: str
    payload_schema: JsonObject
    example: JsonObject
    priority: int
    max_retries: int
    timeout_ms: int
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    id: str
    name: str
    role: str
    key: str
    """Shown this once."""
    expires_at: datetime | None

    def __repr__(self) -> str:
        return f"NewKey(id={self.id!r}, name={self.name!r}, role={self.role!r}, key='…')"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    id: str
    name: str
    role: str
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Depths:
    pending: int
    processing: int
    failed: int
    dlq: int
    scheduled: int
    blocked: int
    queued: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHealth:
    alive: int
    lost: int
    threads: int
    busy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Finished attempts of a period."""

    attempts: int
    completed: int
    failed: int
    error_rate: float
    mean_duration_s: float | None
    jobs_per_minute: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeStatistics:
    job_type: str
    last_hour: Statistics
    last_24_hours: Statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    queue_depths: Depths
    workers: WorkerHealth
    last_hour: Statistics
    last_24_hours: Statistics
    throughput_per_minute: float
    error_rates: dict[str, float]
    by_type: list[TypeStatistics]
