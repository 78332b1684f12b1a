"""From pending to queued and back: the verbs of the dispatcher.

A Dispatch is what goes to Redis: a job and the number of its dispatch. Whoever holds an older number holds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from aeon_jobs.persistence.core.database import run


@dataclass(frozen=True, slots=True)
class Dispatch:
    id: UUID
    seq: int
    queue_name: str
    job_type: str
    age_ms: float = 0

    @property
    def message_id(self) -> str:
        """The dispatch's name in Redis: the same dispatch pushed twice is one message."""
        return f"{self.id}:{self.seq}"


def parse_message_id(message_id: str) -> tuple[UUID, int] | None:
    """(job id, dispatch_seq) of a dispatch's message id; None if it is not one of ours."""
    job_id, _, seq = message_id.partition(":")
    try:
        return UUID(job_id), int(seq)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Capacity:
    """Live worker threads of a queue; `allowed` is what a limit on the queue still allows, None without a limit."""

    threads: int
    workers: int
    allowed: int | None


def capacity(connection: Connection, silence_ms: int) -> dict[str, Capacity]:
    """Queues that live workers serve. A worker is live while it was seen within `silence_ms`."""
    rows = run(connection, "queue/capacity", {"silence_ms": silence_ms})
    return {row.queue_name: Capacity(row.threads, row.workers, row.allowed) for row in rows}


def promote(connection: Connection) -> int:
    """Mark as ready what came due; returns how many."""
    return run(connection, "queue/promote").rowcount


def dispatch(connection: Connection, free: Mapping[str, int]) -> list[Dispatch]:
    """Queue up to `free[queue]` ready jobs of each queue; returns them, highest priority first."""
    rows = run(connection, "queue/dispatch", {"queues": list(free), "free": list(free.values())}).all()
    return [_dispatch(row) for row in sorted(rows, key=lambda row: (-row.priority, row.seq))]


def queued_since(connection: Connection, age_ms: int, limit: int = 1_000) -> list[Dispatch]:
    """Dispatches that nobody claimed for `age_ms`, oldest first."""
    return [_dispatch(row) for row in run(connection, "queue/queued_since", {"age_ms": age_ms, "limit": limit})]


def take_back(connection: Connection, dispatches: Sequence[tuple[UUID, int]]) -> int:
    """Undo dispatches (job id, dispatch_seq): the jobs are pending again and their messages void. Returns how many."""
    if not dispatches:
        return 0
    ids, seqs = zip(*sorted(dispatches), strict=True)
    return run(connection, "queue/take_back", {"ids": list(ids), "seqs": list(seqs)}).rowcount


def pass_on(connection: Connection, dispatch: tuple[UUID, int]) -> bool:
    """Give back a dispatch of a registered job type, for a worker that runs it. False: nobody ever registered it."""
    job_id, seq = dispatch
    return run(connection, "queue/pass_on", {"id": job_id, "seq": seq}).rowcount > 0


def _dispatch(row: Row[Any]) -> Dispatch:
    return Dispatch(row.id, row.dispatch_seq, row.queue_name, row.job_type, float(getattr(row, "age_ms", 0)))
