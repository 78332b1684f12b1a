"""The months of the archive: made ahead, and dropped when their time is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from aeon_jobs.persistence.core.database import run

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult

AHEAD = 3
"""Months that are made ahead. Without its month a row is not archived, and stays where it is."""
LOCK_MS = 1_000
"""To drop a table nobody may read its siblings: who cannot have that at once tries again later."""


@dataclass(frozen=True, slots=True)
class Partition:
    table: str
    name: str
    month: date
    rows: int
    """PostgreSQL's estimate."""
    bytes: int
    """With indexes."""


def add_ahead(connection: Connection) -> int:
    """Make the missing partitions of this month and the next ones. Returns how many were made.

    Raises:
        ProgrammingError: the role may not create tables here. The role that migrates may.
    """
    return int(_patient(connection, "archive/add_partitions", {"months": AHEAD}).scalar_one())


def drop_old(connection: Connection, days: int) -> list[str]:
    """Drop the partitions of months that ended more than `days` ago, and what is in them. Returns their names.

    Raises:
        ProgrammingError: the role does not own them.
    """
    return list(_patient(connection, "archive/drop_partitions", {"days": days}).scalars())


def every(connection: Connection) -> list[Partition]:
    """By name."""
    return [Partition(**row) for row in run(connection, "archive/list_partitions").mappings()]


def _patient(connection: Connection, name: str, values: dict[str, int]) -> CursorResult[Any]:
    return run(connection.execution_options(job_lock_ms=LOCK_MS), name, values)
