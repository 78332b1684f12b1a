"""Workers, and the other processes of ours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

WorkerKind = Literal["worker", "dispatcher", "scheduler", "api"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    id: str
    kind: WorkerKind
    alive: bool
    """It was heard of within three heartbeats."""
    state: Literal["running", "stopping", "stopped", "lost"]
    hostname: str
    pid: int
    version: str
    queues: list[str]
    job_types: list[str]
    threads: int
    busy: int
    started_at: datetime
    last_seen_at: datetime
    stopped_at: datetime | None
    quieted_at: datetime | None
    """Since then it starts no jobs."""
