"""Dead letters: jobs that failed for good; requeue and discard them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import JobNotFound, WrongState
from aeon_jobs.persistence.queue import jobs, submissions

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from aeon_jobs.persistence.core.models import DeadLetterJob, Job


def requeue(connection: Connection, job_id: UUID, by: str | None = None, payload: dict[str, Any] | None = None) -> Job:
    """Give a failed or cancelled job a new life, its history kept; with `payload`, an edited one.

    Raises:
        JobNotFound
        WrongState: it is not over, or it completed.
        InvalidJob: the edited payload breaks a rule.
    """
    job = jobs.get(connection, job_id)
    if payload is not None:
        jobs.check_payload(connection, job.job_type, payload)
    encoded = None if payload is None else payloads.encode(payload, "payload", limit=submissions.payload_limit())
    if not run(connection, "queue/requeue", {"id": job_id, "by": by, "payload": encoded}).rowcount:
        job = jobs.get(connection, job_id)
        raise WrongState(job_id, job.status, "be requeued")
    return jobs.get(connection, job_id)


def discard(connection: Connection, job_id: UUID, by: str | None = None) -> None:
    """Close a job's dead letter without another try.

    Raises:
        JobNotFound: it has no open dead letter.
    """
    if not run(connection, "queue/discard_dead_letter", {"id": job_id, "by": by}).rowcount:
        raise JobNotFound(job_id)


def discard_without_job(connection: Connection, dead_letter_id: int, by: str | None = None) -> bool:
    """Close the dead letter of a message from which no job could be told. False: it is closed."""
    return bool(run(connection, "queue/discard_without_job", {"id": dead_letter_id, "by": by}).rowcount)


def of_job(connection: Connection, job_id: UUID) -> list[DeadLetterJob]:
    """Every dead letter of a job, oldest first."""
    return cast("list[DeadLetterJob]", run(connection, "queue/dead_letters", {"id": job_id}).all())
