"""Archived jobs, as whoever waits for a job or works with its id needs them. Lists of them are in `reads.archived`."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from aeon_jobs.persistence.core.database import run

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from aeon_jobs.persistence.core.models import JobExecution


def outcome_of(connection: Connection, job_id: UUID) -> Row[Any] | None:
    """status, result, error_message, cancel_reason; None if it is not in the archive."""
    return run(connection, "archive/ended_as", {"id": job_id}).one_or_none()


def states_of(connection: Connection, ids: Collection[UUID]) -> dict[UUID, str]:
    """The status of those that are in the archive."""
    if not ids:
        return {}
    return {row.id: row.status for row in run(connection, "archive/states_of", {"ids": list(ids)})}


def executions_of(connection: Connection, job_id: UUID) -> list[JobExecution]:
    """Every attempt of an archived job, oldest first."""
    return cast("list[JobExecution]", run(connection, "archive/executions_of", {"id": job_id}).all())
