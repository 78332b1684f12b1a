"""Queues as an operator sees them: what waits, what runs, who serves; paused or limited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run


@dataclass(frozen=True, slots=True)
class Queue:
    name: str
    ready: int
    """Pending, due, waiting for nothing but a thread. Counted up to COUNTED."""
    queued: int
    running: int
    workers: int
    threads: int
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    max_running: int | None


COUNTED = 10_000


def every(connection: Connection, silence_ms: int) -> list[Queue]:
    """Every queue that is used, served, paused or limited, by name."""
    rows = run(connection, "queue/list_queues", {"silence_ms": silence_ms, "counted": COUNTED}).mappings()
    return [Queue(**row) for row in rows]


def names(connection: Connection, silence_ms: int) -> frozenset[str]:
    """Of every queue that a job type, a job, a live worker or a setting names."""
    return frozenset(run(connection, "queue/queue_names", {"silence_ms": silence_ms}).scalars())


def pause(connection: Connection, name: str, *, by: str, reason: str | None = None) -> bool:
    """Begin nothing more from a queue; what runs goes on. False: it was paused already."""
    is_news = _change(connection, "queue/pause_queue", {"name": name, "by": by, "reason": reason})
    # After it: later dispatches see the pause, and earlier ones are finished.
    run(connection, "queue/take_back_queue", {"name": name})
    return is_news


def resume(connection: Connection, name: str) -> bool:
    """Dispatch again. False: it was not paused."""
    return _change(connection, "queue/resume_queue", {"name": name})


def limit(connection: Connection, name: str, max_running: int | None) -> None:
    """Run at most so many jobs of a queue at once, over all workers; None: as many as there are threads."""
    _change(connection, "queue/limit_queue", {"name": name, "max_running": max_running})


def delete(connection: Connection, name: str) -> bool:
    """Forget what was set for a queue. False: nothing was."""
    return _change(connection, "queue/delete_queue", {"name": name})


def _change(connection: Connection, statement: str, parameters: dict[str, Any]) -> bool:
    return run(connection, statement, parameters).rowcount > 0
