"""How the whole system is doing: depths, workers, the last hour and the last day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from persistence.database import run


@dataclass(frozen=True, slots=True)
class Depths:
    pending: int
    """Wait to be run now, those that wait for other jobs included."""
    scheduled: int
    """Wait for a moment in the future."""
    blocked: int
    """Of the pending: wait for other jobs."""
    queued: int
    running: int
    failed: int
    dlq: int
    """Open dead letters."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Finished attempts of a period. A failure is an attempt that was retried or failed."""

    attempts: int
    completed: int
    failed: int
    error_rate: float
    """failed / attempts; 0 without attempts."""
    mean_duration_s: float | None
    jobs_per_minute: float
    """Completed jobs."""


@dataclass(frozen=True, slots=True)
class TypeStatistics:
    job_type: str
    last_hour: Statistics
    last_24_hours: Statistics


@dataclass(frozen=True, slots=True)
class Activity:
    last_hour: Statistics
    last_24_hours: Statistics
    by_type: list[TypeStatistics]


def depths(connection: Connection) -> Depths:
    """How many jobs are where."""
    return Depths(**run(connection, "overview_depths").mappings().one())


def activity(connection: Connection) -> Activity:
    """What was done. Reads the attempts of a whole day: ask every few seconds at most."""
    rows = run(connection, "overview_attempts").all()
    by_type: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_type[row.job_type].append(row)
    return Activity(
        last_hour=_statistics(rows, 60, lambda row: row.last_hour),
        last_24_hours=_statistics(rows, 1_440),
        by_type=[
            TypeStatistics(
                job_type,
                _statistics(by_type[job_type], 60, lambda row: row.last_hour),
                _statistics(by_type[job_type], 1_440),
            )
            for job_type in sorted(by_type)
        ],
    )


def _statistics(
    rows: Iterable[Row[Any]], minutes: int, belongs: Callable[[Row[Any]], bool] = lambda _: True
) -> Statistics:
    chosen = [row for row in rows if belongs(row)]
    attempts = _count(chosen)
    completed = _count(row for row in chosen if row.outcome == "completed")
    failed = _count(row for row in chosen if row.outcome in {"retried", "failed"})
    seconds = sum(float(row.seconds) for row in chosen if row.seconds is not None)
    return Statistics(
        attempts=attempts,
        completed=completed,
        failed=failed,
        error_rate=failed / attempts if attempts else 0.0,
        mean_duration_s=seconds / attempts if attempts else None,
        jobs_per_minute=completed / minutes,
    )


def _count(rows: Iterable[Row[Any]]) -> int:
    return sum(row.attempts for row in rows)
