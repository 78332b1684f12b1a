"""The state of the whole system on one page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Period = Literal["5m", "1h", "6h", "24h", "7d"]
PERIODS: tuple[Period, ...] = ("5m", "1h", "6h", "24h", "7d")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """What happened in `step_s` seconds. A time is null if nothing was timed, a number of jobs if nobody counted."""

    begins_at: datetime
    submitted: float
    """Of all jobs alone. A submission that was rolled back, or that named a job that is there, counts too."""
    completed: float
    """Finished attempts, by outcome. Counts may be fractions."""
    retried: float
    failed: float
    discarded: float
    cancelled: float
    run_p50_s: float | None
    """How long attempts took: of all jobs, or of a job type."""
    run_p95_s: float | None
    run_mean_s: float | None
    wait_p50_s: float | None
    """How long jobs were ready before they started: of all jobs, or of a queue."""
    wait_p95_s: float | None
    wait_mean_s: float | None
    ready: float | None
    """On average; so are the numbers below."""
    ready_most: float | None
    queued: float | None
    running: float | None
    dead_letters: float | None
    """Open ones, of all jobs alone; so are the two below."""
    slots: float | None
    """Threads of live workers."""
    busy: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueHistory:
    name: str
    ready: list[float | None]
    """One for each point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What happened in a period up to now."""

    period: Period
    step_s: int
    points: list[HistoryPoint]
    """At even distances, the oldest first, 168 at most. The last one is over."""
    queues: list[QueueHistory]
    """Of all jobs alone: the queues with the most jobs, 12 at most, the longest first."""
