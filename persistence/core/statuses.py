"""The states of a job, apart from the models: a producer needs no SQLModel."""

from __future__ import annotations

from enum import StrEnum


class JobStatus(StrEnum):
    """DESIGN's states. pending → queued → running → completed | failed | cancelled; back to pending on retry."""

    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}
