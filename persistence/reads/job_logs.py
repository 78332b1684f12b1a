"""What a job's handler logged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import InvalidJob, JobNotFound
from aeon_jobs.persistence.reads import changes

MAX_LIMIT = 1_000
_CURSOR = re.compile(r"(\d{1,9})-(\d{1,9})")


def page(
    connection: Connection, job_id: UUID, *, attempt: int | None = None, cursor: str | None = None, limit: int = 200
) -> Sequence[dict[str, Any]]:
    """Lines of all attempts or of one, the oldest first, after `cursor` ("attempt-line" of the last line that was read).

    Raises:
        JobNotFound
        InvalidJob: the cursor or the limit is wrong.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidJob.at("limit", f"must be from 1 to {MAX_LIMIT}")
    found = _CURSOR.fullmatch(cursor or "0-0")
    if not found:
        raise InvalidJob.at("cursor", "must be an attempt and a line of it, such as 1-20")
    after = {"after_attempt": int(found[1]), "after_line": int(found[2])}
    rows = (
        run(connection, "reads/job_logs", {"id": job_id, "attempt": attempt, "limit": limit, **after}).mappings().all()
    )
    if not rows and job_id not in changes.of_jobs(connection, [job_id]):
        raise JobNotFound(job_id)
    return [dict(row) for row in rows]
