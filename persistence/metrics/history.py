"""What happened over time: written in spans of 10 seconds, minutes and hours, and read as points of a chart.

1. Every 10 s one process asks PostgreSQL what the counters (`job_counters`) have gained since the last time, and how many
   jobs wait and run. The statements that run for each job do nothing for it.
2. Spans of 10 seconds are kept for 30 minutes, minutes for 2 days, hours for 31 days. Longer ones are sums of shorter ones.
3. A span is written once, in one transaction with the marks up to which it counts: a crash loses nothing, and nothing counts
   twice. Time in which nobody asked gets an even part of what the counters gained in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.metrics.counters import DURATION_BUCKETS_S, WAIT_BUCKETS_S

Kind = Literal["all", "queue", "job_type"]
MOST_QUEUES = 12


@dataclass(frozen=True, slots=True)
class Period:
    """So many points up to now, each of `step_s` seconds, from spans of `span_s` seconds."""

    points: int
    step_s: int
    span_s: int


PERIODS = {
    "5m": Period(30, 10, 10),
    "1h": Period(60, 60, 60),
    "6h": Period(120, 180, 60),
    "24h": Period(144, 600, 60),
    "7d": Period(168, 3_600, 3_600),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Counts are those of the point; they may be fractions. None: nothing was timed, or nobody counted."""

    begins_at: datetime
    submitted: float = 0.0
    completed: float = 0.0
    retried: float = 0.0
    failed: float = 0.0
    discarded: float = 0.0
    cancelled: float = 0.0
    run_p50_s: float | None = None
    run_p95_s: float | None = None
    run_mean_s: float | None = None
    wait_p50_s: float | None = None
    wait_p95_s: float | None = None
    wait_mean_s: float | None = None
    ready: float | None = None
    ready_most: float | None = None
    queued: float | None = None
    running: float | None = None
    dead_letters: float | None = None
    slots: float | None = None
    busy: float | None = None


@dataclass(frozen=True, slots=True)
class QueueDepths:
    name: str
    ready: list[float | None]
    """One for each point."""


@dataclass(frozen=True, slots=True)
class History:
    step_s: int
    points: list[Point]
    queues: list[QueueDepths]
    """Of all jobs alone: the queues with the most jobs, MOST_QUEUES at most, the longest first."""


def record(connection: Connection, silence_ms: int, *, with_depths: bool = True) -> int:
    """Write what happened since the last time; returns how many spans of 10 seconds that were. Any process may ask.

    `silence_ms`: a worker that was not heard of for so long has no slots. `with_depths`: count what waits and runs; that takes
    a millisecond for each few thousand jobs.
    """
    parameters = {"silence_ms": silence_ms, "with_depths": with_depths}
    return int(run(connection, "metrics/record_statistics", parameters).scalar_one())


def read(connection: Connection, period: Period, kind: Kind = "all", name: str = "") -> History:
    """Of all jobs, of a queue, or of a job type. The last point is the last one that is over."""
    until = _end(connection, period)
    begins = [until - timedelta(seconds=period.step_s * ago) for ago in range(period.points, 0, -1)]
    bounds = {"span_s": period.span_s, "step_s": period.step_s, "since": begins[0], "until": until}
    rows = run(connection, "metrics/statistics", {**bounds, "kind": kind, "name": name}).mappings()
    found = {row["begins_at"]: _point(row) for row in rows}
    return History(
        step_s=period.step_s,
        points=[found.get(begin) or Point(begins_at=begin) for begin in begins],
        queues=_queues(connection, bounds, begins) if kind == "all" else [],
    )


def quantile(buckets: Sequence[float], bounds: Sequence[float], share: float) -> float | None:
    """The value that `share` of the events do not exceed, as histogram_quantile of Prometheus finds it: evenly spread within a
    bucket. None without events; the highest bound if it is above that."""
    total = sum(buckets)
    if not total:
        return None
    rank, lower = share * total, 0.0
    for events, upper in zip(buckets, bounds, strict=False):
        if events and rank <= events:
            return lower + (upper - lower) * rank / events
        rank -= events
        lower = upper
    return lower


def _end(connection: Connection, period: Period) -> datetime:
    """Where the last whole span ends; one that is over may not be written yet."""
    row = run(connection, "metrics/statistics_end", {"span_s": period.span_s}).one()
    over = row.now.timestamp() // period.span_s * period.span_s
    end = datetime.fromtimestamp(over, row.now.tzinfo)
    late = timedelta(seconds=2 * period.span_s)
    return row.last_end if row.last_end and end - late <= row.last_end < end else end


def _point(row: Any) -> Point:
    values = {name: row[name] for name in Point.__slots__ if name in row}
    finished = sum(row["runs"] or ())
    started = sum(row["waits"] or ())
    return Point(
        **values,
        run_p50_s=quantile(row["runs"] or (), DURATION_BUCKETS_S, 0.5),
        run_p95_s=quantile(row["runs"] or (), DURATION_BUCKETS_S, 0.95),
        run_mean_s=row["run_s"] / finished if finished else None,
        wait_p50_s=quantile(row["waits"] or (), WAIT_BUCKETS_S, 0.5),
        wait_p95_s=quantile(row["waits"] or (), WAIT_BUCKETS_S, 0.95),
        wait_mean_s=row["wait_s"] / started if started else None,
    )


def _queues(connection: Connection, bounds: dict[str, Any], begins: Sequence[datetime]) -> list[QueueDepths]:
    depths: dict[str, dict[datetime, float | None]] = {}
    for row in run(connection, "metrics/statistics_of_queues", {**bounds, "queues": MOST_QUEUES}):
        depths.setdefault(row.name, {})[row.begins_at] = row.ready
    queues = [QueueDepths(name, [found.get(begin) for begin in begins]) for name, found in depths.items()]
    return sorted(queues, key=lambda queue: max((jobs or 0 for jobs in queue.ready), default=0), reverse=True)
