"""A job as somebody looks at it: with its attempts, and with what it waits for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import JobNotFound


def of_job(connection: Connection, job_id: UUID) -> dict[str, Any]:
    """The columns that are shown, `executions` and `dependencies`; moments within these two are ISO 8601 text.

    Raises:
        JobNotFound
    """
    found = run(connection, "reads/job_detail", {"id": job_id}).mappings().one_or_none()
    if found is None:
        raise JobNotFound(job_id)
    return dict(found)
