"""What goes on now: which names there are, who lives, what waits too long, which background tasks do their work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run_sql, together
from aeon_jobs.persistence.metrics.replacements import replaced

# As in `queue.due`: statistics that are old must not make the planner read the table of jobs.
_SETTINGS = "".join(f"SET LOCAL {name} = off;\n" for name in ("enable_seqscan", "enable_sort", "jit"))
_PARTS = tuple(f"metrics/{name}" for name in ("known", "oldest_ready", "lags", "processes", "background_tasks"))


@dataclass(frozen=True, slots=True)
class Process:
    id: str
    kind: str
    threads: int
    busy: int
    state: str
    lane: str | None
    started_at: float
    last_seen_at: float
    is_alive: bool


@dataclass(frozen=True, slots=True)
class Situation:
    job_types: Sequence[str]
    queues: Mapping[str, bool]
    """By name: whether it is paused."""
    oldest_ready_s: Mapping[str, float]
    """By queue, of those that have ready jobs."""
    dispatch_lag_s: float
    running_past_deadline: int
    processes: Sequence[Process]
    """Those that live, and those that were lost and not replaced."""
    background_tasks: Mapping[str, float]
    """By name: the Unix time of the last success; 0: never."""


def read(connection: Connection, silence_ms: int) -> Situation:
    """`silence_ms`: a process that was not heard of for so long does not live."""
    row = run_sql(connection, _SETTINGS + together(*_PARTS), {"silence_ms": silence_ms}).one()
    (lags,) = row.lags
    known = row.known or ()
    return Situation(
        job_types=[entry["name"] for entry in known if entry["kind"] == "job_type"],
        queues={entry["name"]: entry["paused"] for entry in known if entry["kind"] == "queue"},
        oldest_ready_s={entry["queue_name"]: entry["age_s"] for entry in row.oldest_ready or ()},
        dispatch_lag_s=lags["dispatch_lag_s"],
        running_past_deadline=lags["running_past_deadline"],
        processes=_that_count([Process(**entry) for entry in row.processes or ()]),
        background_tasks={entry["name"]: entry["last_success"] for entry in row.background_tasks or ()},
    )


def _that_count(processes: Sequence[Process]) -> list[Process]:
    gone = replaced(processes)
    return [process for process in processes if process.state != "stopped" and process.id not in gone]
