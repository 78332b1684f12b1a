"""Schedules: cron lines that become jobs, each due moment once.

The row is locked while its due moments become jobs and its next_run_at moves on, in one transaction; beside that, a
schedule and a moment are unique in `jobs`. Any number of tickers may run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from cronsim import CronSim, CronSimError
from sqlalchemy import Connection, Row

from persistence import jobs, payloads
from persistence.database import run
from persistence.errors import InvalidJob, JobsError

CatchUp = Literal["last", "all", "none"]
MAX_CATCH_UP = 100
"""Most missed moments that `catch_up = all` makes up for in one tick; the rest follow in the next."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    name: str
    job_type: str
    cron: str
    timezone: str = "UTC"
    payload: dict[str, Any] = field(default_factory=dict)
    priority: int = 50
    max_retries: int = 3
    timeout_ms: int = 300_000
    enabled: bool = True
    catch_up: CatchUp = "last"
    created_by: str | None = None


def upcoming(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """Moments of a cron line after `after`, in its time zone, daylight saving respected.

    Raises:
        InvalidJob: names `cron` or `timezone`.
    """
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise InvalidJob.at("timezone", f"{timezone!r:.80} is no IANA time zone") from None
    try:
        return iter(CronSim(cron, after.astimezone(zone)))
    except CronSimError as error:
        raise InvalidJob.at("cron", f"{cron!r:.80} is no cron line: {error}") from None


def tick(connection: Connection, now: datetime) -> list[UUID]:
    """Turn every due moment into a job; returns their ids. Call in a transaction.

    A schedule that cannot be run (its type is gone, its payload no longer fits) keeps its error and moves on; it never
    stops the others.
    """
    submitted: list[UUID] = []
    for row in run(connection, "due_schedules", {"now": now}).all():
        error = None
        try:
            moments, following = due_moments(row.cron, row.timezone, row.next_run_at, now, row.catch_up)
            for moment in moments:
                with connection.begin_nested():
                    submitted.append(jobs.submit(connection, _job(row, moment)).id)
        except JobsError as fault:
            error = str(fault)
            following = next(upcoming(row.cron, row.timezone, now), None) if row.cron else None
            _log.error("schedule failed", schedule=row.name, error=error)
        run(
            connection,
            "advance_schedule",
            {"id": row.id, "next_run_at": following, "last_run_at": now, "last_error": error},
        )
    return submitted


def due_moments(
    cron: str, timezone: str, next_run_at: datetime, now: datetime, catch_up: str
) -> tuple[list[datetime], datetime | None]:
    """The moments to run now, and the first one to come. Pure.

    `last` runs the latest due one, `all` up to MAX_CATCH_UP of them, oldest first, `none` only one that is less than a
    minute late.
    """
    due = [next_run_at]
    following: datetime | None = None
    for moment in upcoming(cron, timezone, next_run_at):
        if moment > now or (catch_up == "all" and len(due) == MAX_CATCH_UP):
            following = moment
            break
        due = [*due, moment] if catch_up == "all" else [moment]
    if catch_up == "none":
        due = [moment for moment in due if (now - moment).total_seconds() < 60]
    return due, following


def create(connection: Connection, new: NewSchedule, now: datetime) -> UUID:
    """
    Raises:
        InvalidJob: the cron line, the time zone or the name is not usable.
    """
    first = next(upcoming(new.cron, new.timezone, now), None)
    if first is None:
        raise InvalidJob.at("cron", "never comes due")
    parameters = {name: getattr(new, name) for name in NewSchedule.__dataclass_fields__}
    parameters["payload"] = payloads.encode(new.payload, "payload", limit=jobs.payload_limit())
    schedule_id: UUID | None = run(connection, "create_schedule", {**parameters, "next_run_at": first}).scalar()
    if schedule_id is None:
        raise InvalidJob.at("name", f"{new.name!r:.120} is taken")
    return schedule_id


def _job(row: Row[Any], moment: datetime) -> jobs.NewJob:
    return jobs.NewJob(
        job_type=row.job_type,
        payload=row.payload,
        priority=row.priority,
        max_retries=row.max_retries,
        timeout_ms=row.timeout_ms,
        metadata={**row.metadata, "schedule": row.name},
        created_by=f"schedule:{row.name}",
        schedule_id=row.id,
        schedule_run_at=moment,
    )
