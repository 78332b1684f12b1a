"""Jobs that wait: their priority and their moment can still be changed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import JobNotFound, WrongState
from aeon_jobs.persistence.queue import jobs

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.models import Job


def change(
    connection: Connection, job_id: UUID, *, priority: int | None = None, scheduled_at: datetime | None = None
) -> Job:
    """Give a pending job another priority, another moment, or both.

    Raises:
        JobNotFound
        WrongState: it is not pending any more.
    """
    return _change(connection, job_id, priority, scheduled_at, unschedule=False)


def run_now(connection: Connection, job_id: UUID) -> Job:
    """Make a pending job due, whatever it was scheduled for; what it depends on it still waits for.

    Raises:
        JobNotFound
        WrongState: it is not pending.
    """
    return _change(connection, job_id, None, None, unschedule=True)


def lock(connection: Connection, job_id: UUID) -> datetime:
    """Hold a job's row until the end of the transaction; returns when it was last changed.

    Raises:
        JobNotFound
    """
    updated_at: datetime | None = run(connection, "queue/lock_job", {"id": job_id}).scalar_one_or_none()
    if updated_at is None:
        raise JobNotFound(job_id)
    return updated_at


def _change(
    connection: Connection, job_id: UUID, priority: int | None, scheduled_at: datetime | None, *, unschedule: bool
) -> Job:
    parameters = {
        "id": job_id,
        "priority": priority,
        "scheduled_at": scheduled_at,
        "unschedule": unschedule,
    }
    won = run(connection, "queue/change_pending", parameters).rowcount
    job = jobs.get(connection, job_id)
    if not won:
        raise WrongState(job_id, job.status, "be changed: only a pending job can")
    return job
