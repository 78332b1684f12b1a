"""Archived jobs come back when somebody needs them: to requeue one, or to have a new job depend on it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import UUID

from aeon_jobs.persistence.core.database import run

if TYPE_CHECKING:
    from sqlalchemy import Connection


def bring_back(connection: Connection, ids: Collection[UUID]) -> list[UUID]:
    """Take those of the jobs out of the archive that are in it, with their history and the archived jobs that they depend on.

    They are as they were: ended. The next pass may archive them again, unless they begin a new life before. Returns all that
    came back; a job that another process brought back meanwhile is not among them.
    """
    return list(run(connection, "archive/bring_back", {"ids": list(ids)}).scalars()) if ids else []
