"""Every verb once, whoever answers: `api.service.Jobs` in this process, or `api.client.Client` over HTTP.

Errors differ: the service raises those of `persistence.core.errors` and `api.service.core.errors`, the client those of
`api.client.errors`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from aeon_jobs.api.contract.audit import AuditEntry, AuditFilter
from aeon_jobs.api.contract.dead_letters import (
    DeadLetter,
    DeadLetterCause,
    DeadLetterFilter,
    DeadLetterStatus,
    DeadLetterSummary,
)
from aeon_jobs.api.contract.fields import SortKey
from aeon_jobs.api.contract.job_types import JobType
from aeon_jobs.api.contract.jobs import (
    BatchAnswer,
    Event,
    Explanation,
    Job,
    JobFilter,
    JobSummary,
    NewJob,
    OnFailure,
    Submitted,
)
from aeon_jobs.api.contract.keys import ApiKey, Me, NewKey
from aeon_jobs.api.contract.metrics import Metrics
from aeon_jobs.api.contract.pages import Page
from aeon_jobs.api.contract.queues import Queue
from aeon_jobs.api.contract.schedules import Schedule
from aeon_jobs.api.contract.workers import Worker

JobId = UUID | str


class JobsApi(Protocol):
    """Reading and steering jobs."""

    # --- jobs
    def submit(
        self,
        job_type: str,
        payload: Mapping[str, Any] | None = None,
        *,
        priority: int | None = None,
        max_retries: int | None = None,
        timeout_ms: int | None = None,
        scheduled_at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        queue_name: str | None = None,
        idempotency_key: str | None = None,
        idempotency_window_s: float | None = None,
        depends_on: Sequence[UUID] = (),
        on_dependency_failure: OnFailure = "wait",
        request_key: str | None = None,
    ) -> Submitted: ...
    def submit_new(self, new: NewJob, *, request_key: str | None = None) -> Submitted: ...
    def submit_many(self, new: Sequence[NewJob], *, request_key: str | None = None) -> Sequence[Submitted]: ...
    def get(self, job_id: JobId, *, wait_s: int = 0) -> Job: ...
    def find(self, prefix: str) -> Sequence[JobSummary]: ...
    def page(
        self,
        which: JobFilter | None = None,
        *,
        sort: SortKey = "created_at",
        descending: bool = True,
        limit: int = 200,
        cursor: str | None = None,
    ) -> Page[JobSummary]: ...
    def wait(self, job_id: JobId, timeout_s: float | None = None) -> Job: ...
    def events(self, job_id: JobId, *, last_event_id: str | None = None) -> Iterator[Event]: ...
    def all_events(self, which: JobFilter | None = None, *, last_event_id: str | None = None) -> Iterator[Event]: ...
    def explain(self, job_id: JobId) -> Explanation: ...
    def change(self, job_id: JobId, *, priority: int | None = None, scheduled_at: datetime | None = None) -> Job: ...
    def cancel(self, job_id: JobId, *, reason: str | None = None) -> Job: ...
    def retry(self, job_id: JobId, *, reason: str | None = None) -> Job: ...
    def requeue(self, job_id: JobId, *, reason: str | None = None) -> Job: ...
    def change_many(
        self,
        target: JobFilter | Sequence[UUID],
        *,
        priority: int | None = None,
        scheduled_at: datetime | None = None,
        dry_run: bool = False,
        reason: str | None = None,
    ) -> BatchAnswer: ...
    def cancel_many(
        self, target: JobFilter | Sequence[UUID], *, dry_run: bool = False, reason: str | None = None
    ) -> BatchAnswer: ...
    def retry_many(
        self,
        target: JobFilter | Sequence[UUID],
        *,
        dry_run: bool = False,
        reason: str | None = None,
        per_second: float | None = None,
        delay_ms: int = 0,
    ) -> BatchAnswer: ...
    def metrics(self) -> Metrics: ...

    # --- dead letters
    def dead_letter_page(
        self,
        which: DeadLetterFilter | None = None,
        *,
        status: DeadLetterStatus = "open",
        limit: int = 200,
        cursor: str | None = None,
    ) -> Page[DeadLetterSummary]: ...
    def dead_letters(
        self, which: DeadLetterFilter | None = None, *, status: DeadLetterStatus = "open"
    ) -> Iterator[DeadLetterSummary]: ...
    def dead_letter(self, dead_letter_id: int) -> DeadLetter: ...
    def dead_letter_causes(self, limit: int = 50) -> Sequence[DeadLetterCause]: ...
    def requeue_dead_letter(
        self, dead_letter_id: int, *, payload: Mapping[str, Any] | None = None, reason: str | None = None
    ) -> Job: ...
    def discard_dead_letter(self, dead_letter_id: int, *, reason: str | None = None) -> None: ...
    def requeue_dead_letters(
        self,
        target: DeadLetterFilter | Sequence[UUID],
        *,
        dry_run: bool = False,
        reason: str | None = None,
        per_second: float | None = None,
        delay_ms: int = 0,
    ) -> BatchAnswer: ...
    def discard_dead_letters(
        self, target: DeadLetterFilter | Sequence[UUID], *, dry_run: bool = False, reason: str | None = None
    ) -> BatchAnswer: ...

    # --- schedules
    def schedules(self) -> Sequence[Schedule]: ...
    def schedule(self, schedule_id: UUID) -> Schedule: ...
    def upcoming(self, schedule_id: UUID, count: int = 10) -> Sequence[datetime]: ...
    def create_schedule(self, fields: Mapping[str, Any]) -> Schedule: ...
    def change_schedule(self, schedule_id: UUID, changes: Mapping[str, Any]) -> Schedule: ...
    def delete_schedule(self, schedule_id: UUID) -> None: ...
    def run_schedule(self, schedule_id: UUID) -> Submitted: ...

    # --- queues, workers, job types
    def queues(self) -> Sequence[Queue]: ...
    def queue(self, name: str) -> Queue: ...
    def pause_queue(self, name: str, *, reason: str | None = None) -> Queue: ...
    def resume_queue(self, name: str) -> Queue: ...
    def limit_queue(self, name: str, max_running: int | None) -> Queue: ...
    def purge_queue(self, name: str, *, dry_run: bool = False, reason: str | None = None) -> BatchAnswer: ...
    def delete_queue(self, name: str) -> None: ...
    def workers(self, kind: str | None = None) -> Sequence[Worker]: ...
    def worker(self, worker_id: str) -> Worker: ...
    def acknowledge_worker(self, worker_id: str) -> None: ...
    def job_types(self) -> Sequence[JobType]: ...
    def job_type(self, name: str) -> JobType: ...

    # --- who may call, and who did what
    def api_keys(self) -> Sequence[ApiKey]: ...
    def create_key(self, name: str, role: str, *, expires_at: datetime | None = None) -> NewKey: ...
    def revoke_key(self, key_id: str) -> ApiKey: ...
    def me(self) -> Me: ...
    def audit_page(
        self, which: AuditFilter | None = None, *, limit: int = 200, cursor: str | None = None
    ) -> Page[AuditEntry]: ...
    def close(self) -> None: ...
