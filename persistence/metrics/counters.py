"""Monotonic counts of what happened, raised in the transactions of the events: they never go down, whatever is purged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run

DURATION_BUCKETS_S = (0.1, 0.5, 1, 2, 5, 10, 30, 60)
WAIT_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""Upper bounds; the same as in the function record_jobs."""


@dataclass
class Histogram:
    """How many events fell into each bucket (the last one has no bound), and how many seconds they took together."""

    buckets: list[float]
    sum_s: float = 0.0


def _empty(bounds: tuple[float, ...]) -> Histogram:
    return Histogram([0.0] * (len(bounds) + 1))


def _histograms(bounds: tuple[float, ...]) -> Callable[[], defaultdict[str, Histogram]]:
    return lambda: defaultdict(partial(_empty, bounds))


@dataclass
class Counters:
    processed: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    """Finished attempts by (job type, outcome)."""
    failed: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    """Failed attempts by (job type, error type)."""
    dead_lettered: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    """Dead letters by (job type, reason)."""
    schedule_runs: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    """Due times of schedules by (job type, outcome)."""
    superseded: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Outcomes that came after the job had been taken away, by job type."""
    durations: defaultdict[str, Histogram] = field(default_factory=_histograms(DURATION_BUCKETS_S))
    """How long attempts took, by job type."""
    waits: defaultdict[str, Histogram] = field(default_factory=_histograms(WAIT_BUCKETS_S))
    """How long jobs were ready before the claim of their last attempt, by queue."""


def read(connection: Connection) -> Counters:
    """All counters, their shards added up. What did not happen yet is 0, once it is asked for."""
    counters = Counters()
    for row in run(connection, "metrics/counters"):
        match row.metric:
            case "processed":
                counters.processed[row.job_type, row.label] = row.value
            case "failed":
                counters.failed[row.job_type, row.label] = row.value
            case "dead_lettered":
                counters.dead_lettered[row.job_type, row.label] = row.value
            case "schedule_runs":
                counters.schedule_runs[row.job_type, row.label] = row.value
            case "superseded":
                counters.superseded[row.job_type] = row.value
            case "duration_bucket":
                _add(counters.durations[row.job_type], row.label, row.value, row.seconds)
            case "duration_sum":
                # Of versions before migration 0007.
                counters.durations[row.job_type].sum_s += row.value
            case "wait_bucket":
                _add(counters.waits[row.job_type], row.label, row.value, row.seconds)
    return counters


def _add(histogram: Histogram, bucket: str, events: float, seconds: float) -> None:
    histogram.buckets[int(bucket)] += events
    histogram.sum_s += seconds
