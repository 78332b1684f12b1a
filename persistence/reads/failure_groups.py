"""Failures by cause: how many, since when, how they came over time, and one of them to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run

PARTS = 24
MOST = 20_000
"""Dead letters of the period that are looked at, the newest ones: more of them are not counted."""
PERIODS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Dead letters of one fingerprint, and the newest of them."""

    fingerprint: str | None
    """None: those without one, whatever their causes."""
    job_type: str | None
    queue_name: str | None
    reason: str
    error_type: str | None
    error_message: str | None
    traceback: str | None
    dead_letter_id: int
    job_id: UUID | None
    open: int
    """Of all time; `count` and `chart` are of the period."""
    count: int
    first_seen_at: datetime
    """Of the open ones, and of those of the period."""
    last_seen_at: datetime
    chart: list[int]
    """The dead letters of the period in PARTS even parts, the oldest first."""


@dataclass(frozen=True, slots=True)
class FailureGroups:
    step_s: int
    is_capped: bool
    """The period has more than MOST dead letters: older ones are in no count and no chart."""
    groups: list[FailureGroup]


def read(
    connection: Connection,
    period: timedelta,
    *,
    fingerprint: str | None = None,
    limit: int = 50,
    most: int = MOST,
) -> FailureGroups:
    """Causes with open dead letters, and those that were seen in the period; the one with the most open ones first.
    `fingerprint`: this one alone."""
    until = run(connection, "reads/overview_now").scalar_one()
    step_s = round(period.total_seconds() / PARTS)
    parameters = {"since": until - period, "part_s": step_s, "most": most, "limit": limit}
    parameters["fingerprint"] = fingerprint
    rows = [dict(row) for row in run(connection, "reads/failure_groups", parameters).mappings()]
    looked_at = max((row.pop("looked_at") for row in rows), default=0)
    return FailureGroups(step_s, looked_at >= most, [FailureGroup(**row) for row in rows])
