"""From pending to queued and back: what a dispatcher does.

A Dispatch is what goes to Redis: a job and the number of its dispatch. An older number of the same job is void.
A Lane is what the workers of one kind can run: they serve the same queues and know the same job types.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from aeon_jobs.persistence.core.database import hot_rows, run
from aeon_jobs.persistence.core.tracing import TraceContext

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
    order: int = 0
    """The job's number in the order of submission."""

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
    is_gated: bool = False
    """Jobs that it can run wait for the limits of their types."""


def lane_name(queues: Iterable[str], job_types: Iterable[str]) -> str:
    """The same for every worker that can run the same jobs; 21 characters."""
    content = json.dumps([sorted(queues), sorted(job_types)])
    return f"jobs-{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def lanes(connection: Connection, silence_ms: int) -> list[Lane]:
    """The lanes of the live workers. A worker is live while it was seen within `silence_ms`."""
    rows = run(connection, "queue/lanes", {"silence_ms": silence_ms})
    return [lane_of(row._asdict()) for row in rows]


def lane_of(row: Mapping[str, Any]) -> Lane:
    """The lane of a row of the function live_lanes."""
    queues, job_types = tuple(row["queues"]), tuple(row["job_types"])
    return Lane(row["lane"], queues, job_types, row["threads"], row["workers"], row["is_limited"], row["is_gated"])


def promote(connection: Connection) -> int:
    """Mark as ready what came due; returns how many."""
    return int(run(connection, "queue/promote").scalar_one())


def expire(connection: Connection) -> int:
    """Cancel jobs that were not begun before they expired; returns how many."""
    return int(run(connection, "queue/expire").scalar_one())


def dispatch(connection: Connection, free: Mapping[Lane, int], after: int = 0) -> list[Dispatch]:
    """Queue up to `free[lane]` ready jobs for each lane; returns them, highest priority first. Promotes before.

    `after`: only jobs with a higher number in the order of submission.
    """
    wanted = [
        {"lane": lane.name, "free": count, "queues": lane.queues, "job_types": lane.job_types}
        for lane, count in free.items()
    ]
    rows = hot_rows(connection, "queue/dispatch", {"lanes": json.dumps(wanted), "after": after})
    ready = (_Ready(*row) for row in rows)
    return _into_lanes(sorted(ready, key=lambda job: (-job.priority, job.order)), free)


class _Ready(NamedTuple):
    """The columns of the function dispatch_jobs."""

    id: UUID
    seq: int
    queue_name: str
    job_type: str
    priority: int
    order: int


def _into_lanes(ready: Iterable[_Ready], free: Mapping[Lane, int]) -> list[Dispatch]:
    """Each job goes to a lane that can run it: the one that may take most messages for each of its threads."""
    left = {lane.name: count for lane, count in free.items()}
    able: dict[tuple[str, str], list[Lane]] = {}
    dispatched = []
    for job in ready:
        pair = job.queue_name, job.job_type
        if pair not in able:
            able[pair] = [lane for lane in free if pair[0] in lane.queues and pair[1] in lane.job_types]
        chosen = max(able[pair], key=lambda lane: left[lane.name] / max(1, lane.threads)).name
        left[chosen] -= 1
        dispatched.append(Dispatch(job.id, job.seq, *pair, chosen, order=job.order))
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


def traces(connection: Connection, job_ids: Sequence[UUID]) -> list[tuple[UUID, TraceContext]]:
    """The trace contexts of those jobs that have one."""
    rows = run(connection, "queue/traces_of_jobs", {"ids": list(job_ids)})
    return [(row.id, TraceContext(row.traceparent, row.tracestate)) for row in rows]


def _dispatch(row: Row[Any]) -> Dispatch:
    return Dispatch(row.id, row.dispatch_seq, row.queue_name, row.job_type, age_ms=float(getattr(row, "age_ms", 0)))
