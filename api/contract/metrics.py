"""The state of the whole system on one page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Depths:
    pending: int
    """Wait to be run now, those that wait for other jobs included."""
    processing: int
    """Queued or running."""
    failed: int
    dlq: int
    """Open dead letters."""
    scheduled: int
    """Wait for a moment in the future."""
    blocked: int
    """Of the pending: wait for other jobs."""
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
    """Completed jobs, over the last hour."""
    error_rates: dict[str, float]
    """By job type, over the last hour."""
    by_type: list[TypeStatistics]
