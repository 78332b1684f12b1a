"""Queues: how long they are, who serves them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from annotated_types import Ge, Le

from aeon_jobs.api.contract.fields import Reason, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    name: str
    ready: int
    """Waiting for nothing but a thread; counted up to 10,000."""
    queued: int
    """On their way to a worker."""
    running: int
    workers: int
    threads: int
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    max_running: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePause(Request):
    reason: Reason | None = None
    """Is stored, and shown with the queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimit(Request):
    max_running: Annotated[int, Ge(0), Le(1_000_000)] | None
    """Jobs that run at once, over all workers; null: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePurge(Request):
    dry_run: bool = False
    """Tell what would happen, and change nothing."""
    reason: Reason | None = None
    """Is stored with every job."""
