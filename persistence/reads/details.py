"""A job with its attempts and its dependencies."""

from __future__ import annotations

import re
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import InvalidJob, JobNotFound
from aeon_jobs.persistence.reads import archived

MOST = 10
"""Jobs with ids of one beginning."""
_PREFIX = re.compile(r"[0-9a-f]{4,32}")


def of_job(connection: Connection, job_id: UUID) -> dict[str, Any]:
    """The columns that are shown, `executions` and `dependencies`; moments within these two are ISO 8601 text. An archived job
    also has `archived_at`.

    Raises:
        JobNotFound
    """
    found = run(connection, "reads/job_detail", {"id": job_id}).mappings().one_or_none()
    if found is not None:
        return dict(found)
    if (of_archive := archived.of_job(connection, job_id)) is not None:
        return of_archive
    raise JobNotFound(job_id)


def text_of(connection: Connection, job_id: UUID, name: Literal["payload", "result"]) -> str:
    """JSON as it is stored, however deep or long.

    Raises:
        JobNotFound
    """
    row = run(connection, "reads/stored_text", {"id": job_id}).one_or_none()
    if row is None:
        raise JobNotFound(job_id)
    return getattr(row, name) or "null"


def by_prefix(connection: Connection, prefix: str) -> list[dict[str, Any]]:
    """Jobs whose id begins with `prefix`, ten at most, newest first, archived ones last; columns as in lists.

    Raises:
        InvalidJob: as `ends_of`.
    """
    first, last = ends_of(prefix, "prefix")
    ends = {"first": first, "last": last}
    found = [dict(row) for row in run(connection, "reads/jobs_by_prefix", ends).mappings()]
    return found + (archived.between(connection, **ends, limit=MOST - len(found)) if len(found) < MOST else [])


def ends_of(prefix: str, field: str) -> tuple[str, str]:
    """The smallest and the largest id that begins with `prefix`.

    Raises:
        InvalidJob: it is no beginning of an id, or too short to name few jobs.
    """
    digits = prefix.replace("-", "").lower()
    if not _PREFIX.fullmatch(digits):
        raise InvalidJob.at(field, "must be the first 4 to 32 hexadecimal digits of an id")
    return digits.ljust(32, "0"), digits.ljust(32, "f")
