"""When each background task last did its work: kept in PostgreSQL, so that it outlives the process that did it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from aeon_jobs.persistence.core.database import run

if TYPE_CHECKING:
    from sqlalchemy import Connection


def note_successes(connection: Connection, done: Collection[str]) -> None:
    """Tasks that did their work a moment ago, or found that there is nothing to do."""
    if done:
        run(connection, "queue/note_successes", {"done": sorted(done)})
