"""Monotonic counts of what happened, raised in the transactions of the events: they never go down, whatever is purged."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run

DURATION_BUCKETS_S = (0.1, 0.5, 1, 2, 5, 10, 30, 60)
"""Upper bounds; the same as in sql/record.sql."""


@dataclass
class Durations:
    """How long the attempts of a job type took: how many fell into each bucket (the last one has no bound), and their sum."""

    buckets: list[float] = field(default_factory=lambda: [0.0] * (len(DURATION_BUCKETS_S) + 1))
    sum_s: float = 0.0


@dataclass
class Counters:
    processed: dict[tuple[str, str], float] = field(default_factory=dict)
    """Finished attempts by (job type, outcome)."""
    failed: dict[tuple[str, str], float] = field(default_factory=dict)
    """Failed attempts by (job type, error type)."""
    durations: defaultdict[str, Durations] = field(default_factory=lambda: defaultdict(Durations))


def read(connection: Connection) -> Counters:
    """All counters, their shards added up."""
    counters = Counters()
    for row in run(connection, "reads/read_counters"):
        match row.metric:
            case "processed":
                counters.processed[row.job_type, row.label] = row.value
            case "failed":
                counters.failed[row.job_type, row.label] = row.value
            case "duration_bucket":
                counters.durations[row.job_type].buckets[int(row.label)] = row.value
            case "duration_sum":
                counters.durations[row.job_type].sum_s = row.value
    return counters
