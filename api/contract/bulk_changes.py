"""Bulk changes: of everything that matches a filter, however much that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from aeon_jobs.api.contract.dead_letters import DeadLetterFilter
from aeon_jobs.api.contract.fields import Instant, JsonObject, NotNull, Priority, Reason, Request
from aeon_jobs.api.contract.jobs import JobFilter, PerSecond

BulkAction = Literal["cancel", "retry", "change", "requeue", "discard"]
BulkState = Literal["running", "completed", "stopped", "failed"]
OF_JOBS: frozenset[BulkAction] = frozenset({"cancel", "retry", "change"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBulkChange(Request):
    """A change of all jobs, or of all open dead letters, that match."""

    action: BulkAction
    """`cancel`, `retry` and `change` of jobs; `requeue` and `discard` of dead letters."""
    filter: JobFilter | None = None
    """Which jobs."""
    dead_letters: DeadLetterFilter | None = None
    """Which dead letters; {} means every open one."""
    reason: Reason | None = None
    """Is stored."""
    priority: Annotated[Priority | None, NotNull()] = None
    """For `change`."""
    scheduled_at: Annotated[Instant | None, NotNull()] = None
    """For `change`."""
    per_second: PerSecond | None = None
    """For `retry` and `requeue`: jobs that begin per second; default: all at once."""

    def __post_init__(self) -> None:
        if (self.filter is None) == (self.dead_letters is None):
            raise ValueError("must have either filter or dead_letters")
        if (self.filter is not None) != (self.action in OF_JOBS):
            raise ValueError(f"{self.action} needs {'filter' if self.action in OF_JOBS else 'dead_letters'}")
        if self.filter is not None and self.filter.is_empty:
            raise ValueError("must have a filter with at least one condition")
        is_change = self.priority is not None or self.scheduled_at is not None
        if is_change != (self.action == "change"):
            raise ValueError("change, and nothing else, must have priority or scheduled_at")
        if self.per_second is not None and self.action not in ("retry", "requeue"):
            raise ValueError("per_second is for retry and requeue")


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkCount:
    """What a bulk change would change now."""

    matched: int
    """Counted up to 1,000,000."""
    is_capped: bool
    """There are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkChange:
    """How far a bulk change is. What is created after it began is left alone."""

    id: int
    action: BulkAction
    filter: JsonObject
    """The conditions that were given."""
    options: JsonObject
    """`priority`, `scheduled_at`, `per_second`."""
    reason: str | None
    state: BulkState
    matched: int
    """How many matched when it began, counted up to 1,000,000."""
    looked_at: int
    """How many it has come to."""
    changed: int
    """How many of these it changed. The others were in another state by then."""
    created_by: str
    created_at: datetime
    moved_at: datetime
    """When it last went on."""
    finished_at: datetime | None
    stopped_by: str | None
    error: str | None
    """Why it could not go on."""
