"""The history of runs: read by people and by handlers, deleted when it is old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from aeon_jobs.persistence.core.database import run

if TYPE_CHECKING:
    from sqlalchemy import Connection

Origin = Literal["due", "catch_up", "backfill", "manual"]
Outcome = Literal["submitted", "skipped", "missed", "failed"]


@dataclass(frozen=True, slots=True)
class RunRecord:
    due_at: datetime
    origin: Origin
    outcome: Outcome
    reason: str | None
    job_id: UUID | None
    job_status: str | None
    """Of its job now; of a job that was deleted, its end."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """What a handler may know of the run that its job is."""

    name: str
    due_at: datetime
    last_result: Any
    """Of the last run before this one that completed; None: there is none, or its job was deleted."""


def page(connection: Connection, schedule_id: UUID, *, limit: int, before: datetime | None = None) -> list[RunRecord]:
    """Runs, newest first; those due before `before`."""
    parameters = {"id": schedule_id, "limit": limit, "before": before}
    return [RunRecord(**row._mapping) for row in run(connection, "schedules/runs", parameters)]


def of_job(connection: Connection, job_id: UUID) -> ScheduledRun | None:
    """The run that a job is; None: no schedule made it, or the schedule was deleted."""
    row = run(connection, "schedules/of_job", {"id": job_id}).one_or_none()
    return None if row is None else ScheduledRun(row.name, row.due_at.astimezone(UTC), row.last_result)


def forget(connection: Connection, days: int) -> int:
    """Delete the history of runs that are older; returns how many."""
    return run(connection, "schedules/forget_runs", {"days": days}).rowcount
