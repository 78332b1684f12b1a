"""What a job waits for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from persistence.database import run


@dataclass(frozen=True, slots=True)
class Dependency:
    """A job that has to end first. `satisfied_at` is null while it is waited for."""

    job_id: UUID
    job_type: str
    status: str
    on_failure: str
    satisfied_at: datetime | None


def of_job(connection: Connection, job_id: UUID) -> list[Dependency]:
    """Every job that this one depends on, the oldest first."""
    return [Dependency(**row) for row in run(connection, "dependencies_of", {"id": job_id}).mappings()]
