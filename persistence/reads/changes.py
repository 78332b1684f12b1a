"""What happens to jobs, as it can be read from their rows: the latest state of each, in the order of the changes.

Nothing has to be published for this, so nothing can be lost with Redis, and a reader can go on where it stopped.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.reads import listing

MOST = 500
"""Changes of one look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A job as it stands after a change."""

    job_id: UUID
    job_type: str
    queue_name: str
    status: str
    priority: int
    attempt: int
    retry_count: int
    progress: dict[str, Any] | None
    error_message: str | None
    scheduled_at: datetime | None
    cancel_requested_at: datetime | None
    completed_at: datetime | None
    updated_at: datetime

    @property
    def position(self) -> tuple[datetime, UUID]:
        return self.updated_at, self.job_id

    @property
    def is_final(self) -> bool:
        return self.status in {"completed", "failed", "cancelled"}


def of_jobs(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Change]:
    """How these jobs stand now; one that does not exist is missing."""
    rows = run(connection, "reads/watched_jobs", {"ids": list(ids)}).mappings()
    found = {row["id"]: _change(row) for row in rows}
    if missing := [job_id for job_id in ids if job_id not in found]:
        rows = run(connection, "reads/archived_changes", {"ids": missing}).mappings()
        found |= {row["id"]: _change(row) for row in rows}
    return found


def since(
    connection: Connection, which: listing.Filter, position: tuple[datetime, UUID], until: datetime
) -> Sequence[Change]:
    """Changes after `position` and before `until`, the oldest first, MOST at once.

    A change becomes visible when its transaction commits, a moment after its time: so `until` should lie that moment
    back, or a reader moves past a change before it can see it.
    """
    window = replace(which, updated_after=position[0], updated_before=until)
    rows = listing.rows_after(connection, window, position, MOST)
    return [_change(row) for row in rows]


def _change(row: Any) -> Change:
    return Change(**{name: row[name] for name in Change.__dataclass_fields__ if name != "job_id"}, job_id=row["id"])
