"""From pending to queued and back: what a dispatcher does.

A Dispatch is what goes to Redis: a job and the number of its dispatch. An older number of the same job is void.
A Lane is what the workers of one kind can run: they serve the same queues and know the same job types.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from aeon_jobs.persistence.core.database import run

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row


@dataclass(frozen=True, slots=True)
class Dispatch:
    id: UUID
    seq: int
    queue_name: str
    job_type: str
    lane: str = ""
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
class Lane:
    """Live workers that can run the same jobs: a job of one of `job_types` in one of `queues`."""

    name: str
    queues: tuple[str, ...]
    job_types: tuple[str, ...]
    threads: int = 0
    workers: int = 0
    is_limited: bool = False
    """A queue of it has a limit: it may have to wait for running jobs, though threads are free."""


def lane_name(queues: Iterable[str], job_types: Iterable[str]) -> str:
    """The same for every worker that can run the same jobs; 21 characters."""
    content = json.dumps([sorted(queues), sorted(job_types)])
    return f"jobs-{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def lanes(connection: Connection, silence_ms: int) -> list[Lane]:
    """The lanes of the live workers. A worker is live while it was seen within `silence_ms`."""
    rows = run(connection, "queue/lanes", {"silence_ms": silence_ms})
    return [
        Lane(row.lane, tuple(row.queues), tuple(row.job_types), row.threads, row.workers, row.is_limited)
        for row in rows
    ]


def promote(connection: Connection) -> int:
    """Mark as ready what came due; returns how many."""
    return run(connection, "queue/promote").rowcount


def dispatch(connection: Connection, free: Mapping[Lane, int]) -> list[Dispatch]:
    """Queue up to `free[lane]` ready jobs for each lane; returns them, highest priority first."""
    wanted = [
        {"lane": lane.name, "free": count, "queues": lane.queues, "job_types": lane.job_types}
        for lane, count in free.items()
    ]
    rows = run(connection, "queue/dispatch", {"lanes": json.dumps(wanted)}).all()
    return _into_lanes(sorted(rows, key=lambda row: (-row.priority, row.seq)), free)


def _into_lanes(rows: Iterable[Row[Any]], free: Mapping[Lane, int]) -> list[Dispatch]:
    """Each job goes to a lane that can run it: the one that may take most messages for each of its threads."""
    left = dict(free)
    dispatched = []
    for row in rows:
        able = (lane for lane in left if row.queue_name in lane.queues and row.job_type in lane.job_types)
        chosen = max(able, key=lambda lane: left[lane] / max(1, lane.threads))
        left[chosen] -= 1
        dispatched.append(replace(_dispatch(row), lane=chosen.name))
    return dispatched


def queued_since(connection: Connection, age_ms: int, limit: int = 1_000) -> list[Dispatch]:
    """Dispatches that nobody claimed for `age_ms`, oldest first."""
    return [_dispatch(row) for row in run(connection, "queue/queued_since", {"age_ms": age_ms, "limit": limit})]


def take_back(connection: Connection, dispatches: Sequence[tuple[UUID, int]]) -> int:
    """Undo dispatches (job id, dispatch_seq): the jobs are pending again and their messages void. Returns how many."""
    if not dispatches:
        return 0
    ids, seqs = zip(*sorted(dispatches), strict=True)
    return run(connection, "queue/take_back", {"ids": list(ids), "seqs": list(seqs)}).rowcount


def _dispatch(row: Row[Any]) -> Dispatch:
    return Dispatch(row.id, row.dispatch_seq, row.queue_name, row.job_type, age_ms=float(getattr(row, "age_ms", 0)))
