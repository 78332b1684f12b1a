"""Lines that handlers logged, on their way into the database. `reads.job_logs` reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from aeon_jobs.persistence.core.database import run

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class LogLine:
    job_id: UUID
    attempt: int
    line: int
    """From 1 in each attempt."""
    logged_at: str
    """ISO 8601, with a time zone."""
    level: str
    message: str


def store(connection: Connection, lines: Sequence[LogLine]) -> None:
    """Store lines of any jobs, with one statement. May be repeated."""
    encoded = json.dumps(
        [{**{name: getattr(line, name) for name in _NAMES}, "job_id": line.job_id.hex} for line in lines]
    )
    run(connection, "queue/store_log_lines", {"lines": encoded})


_NAMES = LogLine.__slots__
