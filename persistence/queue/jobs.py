"""Jobs as producers see them: submit, get, cancel.

Submitting is one statement in the caller's transaction: commit means the job exists, rollback means it never was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast
from uuid import UUID

from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import JobNotFound, WrongState
from aeon_jobs.persistence.core.ids import new_job_id
from aeon_jobs.persistence.queue import inserts, job_types
from aeon_jobs.persistence.queue.batches import Batch, portions
from aeon_jobs.persistence.queue.submissions import Defaults, NewJob, Row, Submitted, Template, payload_limit

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from aeon_jobs.persistence.core.models import Job


def submit(
    connection: Connection, new: NewJob, job_type: Defaults | None = None, *, schema: str | None = None
) -> Submitted:
    """Store one job. `schema`: ours, on somebody else's connection.

    Raises:
        InvalidJob: names every field at fault; UnknownJobType is one of them. Nothing was stored.
        IdempotencyConflict: the key belongs to a job with another payload.
    """
    row = Template(new, job_type or job_types.get(connection, new.job_type)).row(new.payload)
    return submit_row(connection, row, schema=schema)


def submit_row(connection: Connection, row: Row, *, schema: str | None = None) -> Submitted:
    """As `submit`, of a submission that was checked before."""
    row.id = new_job_id()
    return inserts.store(connection, [row], schema)[0]


def submit_many(
    connection: Connection, new_jobs: Iterable[NewJob], known: Mapping[str, Defaults] | None = None
) -> list[Submitted]:
    """Store many jobs, all or none; the answers stand in the order of the submissions. Call it in a transaction.

    They are read, checked and stored some at a time. `known`: their job types, where the registry need not be asked.

    Raises:
        InvalidJob: its fields are prefixed with the place, e.g. ``jobs[17].payload.to``. Roll back: others may be stored.
        IdempotencyConflict: as for `submit`.
    """
    batch = Batch(connection)
    answers = [answer for portion in portions(new_jobs) for answer in batch.add_new(portion, known)]
    batch.close()
    return answers


def get(connection: Connection, job_id: UUID) -> Job:
    """The job: a row with the attributes of the model.

    Raises:
        JobNotFound
    """
    found = run(connection, "queue/job", {"id": job_id}).one_or_none()
    if found is None:
        raise JobNotFound(job_id)
    return cast("Job", found)


def cancel(connection: Connection, job_id: UUID, reason: str | None = None, by: str | None = None) -> Job:
    """Cancel a job: a pending or queued one is cancelled in the answer, a running one has the request noted.

    Raises:
        JobNotFound
        WrongState: it is over.
    """
    won = run(connection, "queue/cancel", {"id": job_id, "reason": reason, "by": by}).rowcount
    job = get(connection, job_id)
    if not won:
        raise WrongState(job_id, job.status, "be cancelled")
    return job


def check(new: NewJob, job_type: Defaults) -> None:
    """Hold a submission against every rule, and store nothing.

    Raises:
        InvalidJob
    """
    Template(new, job_type).row(new.payload)


def check_payload(connection: Connection, job_type: str, payload: Mapping[str, object]) -> None:
    """Hold an edited payload against its job type.

    Raises:
        InvalidJob
    """
    payloads.encode(dict(payload), "payload", limit=payload_limit())
    payloads.validate(payload, job_types.get(connection, job_type).payload_schema)
