"""Schedules: cron lines that become jobs, each due moment once.

The row is locked while its due moments become jobs and its next_run_at moves on, in one transaction; beside that, a
schedule and a moment are unique in `jobs`. Any number of tickers may run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, islice, takewhile
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from cronsim import CronSim, CronSimError
from sqlalchemy import Connection, Row, func, select

from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import InvalidJob, JobsError, NameTaken, Violation
from aeon_jobs.persistence.queue import job_types, jobs, submissions

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.spans import Tracer

CatchUp = Literal["last", "all", "none"]
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""As in crontab(5)."""
MAX_CATCH_UP = 100
"""Most missed moments that `catch_up = all` makes up for in one tick; the rest follow in the next."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    """None in `priority`, `max_retries`, `timeout_ms`: the job type's own, as it is when the job is made."""

    name: str
    job_type: str
    cron: str
    timezone: str = "UTC"
    payload: dict[str, Any] = field(default_factory=dict)
    priority: int | None = None
    max_retries: int | None = None
    timeout_ms: int | None = None
    enabled: bool = True
    catch_up: CatchUp = "last"
    created_by: str | None = None


def upcoming(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """Moments of a cron line after `after`, in UTC; daylight saving of its time zone respected as Debian's cron does.

    Raises:
        InvalidJob: names `cron` or `timezone`.
    """
    return _moments(cron, timezone, after)


def _moments(cron: str, timezone: str, start: datetime, *, reverse: bool = False) -> Iterator[datetime]:
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise InvalidJob.at("timezone", f"{timezone!r:.80} is no IANA time zone") from None
    line = _five_fields(cron)
    try:
        return (moment.astimezone(UTC) for moment in CronSim(line, start.astimezone(zone), reverse=reverse))
    except CronSimError as error:
        raise InvalidJob.at("cron", f"{cron!r:.80} is no cron line: {error}") from None


def _five_fields(cron: str) -> str:
    """CronSim takes a sixth field, of seconds; ticks come once a minute, so it would be obeyed by halves."""
    line = NICKNAMES.get(cron.strip(), cron)
    if (count := len(line.split())) != 5 and not line.startswith("@"):
        seconds = " (seconds are not supported)" if count == 6 else ""
        raise InvalidJob.at(
            "cron", f"must have 5 fields: minute hour day month weekday; {cron!r:.80} has {count}{seconds}"
        )
    return line


def tick(connection: Connection, now: datetime | None = None, *, tracer: Tracer | None = None) -> list[UUID]:
    """Turn every moment due at `now` into a job; returns their ids. Call in a transaction.

    The clock is PostgreSQL's by default: a ticker whose own clock is wrong ticks right all the same.

    A schedule that cannot be run (its type is gone, its payload no longer fits) keeps its error and moves on; it never
    stops the others.
    """
    now = now or connection.execute(select(func.clock_timestamp())).scalar_one()
    submitted: list[UUID] = []
    for row in run(connection, "queue/due_schedules", {"now": now}).all():
        error = None
        try:
            moments, following = due_moments(row.cron, row.timezone, row.next_run_at, now, row.catch_up)
            for moment in moments:
                with connection.begin_nested():
                    submitted.append(_submit(connection, _job(row, moment), tracer))
            crash("schedule.submitted")
        except JobsError as fault:
            error = str(fault)
            following = _next_after(row, now)
            _log.error("schedule failed", schedule=row.name, error=error)
        run(
            connection,
            "queue/advance_schedule",
            {"id": row.id, "next_run_at": following, "last_run_at": now, "last_error": error},
        )
    return submitted


def _submit(connection: Connection, new: submissions.NewJob, tracer: Tracer | None) -> UUID:
    if tracer is None:
        return jobs.submit(connection, new).id
    job_type = job_types.get(connection, new.job_type)
    queue_name = job_type.queue_name if job_type else ""
    with tracer.send(new.job_type, queue_name) as sending:
        stored = jobs.submit(connection, replace(new, **sending.context._asdict()), job_type)
        sending.stored(stored.id, is_new=stored.is_new)
    return stored.id


def _next_after(row: Row[Any], now: datetime) -> datetime | None:
    """None stops the schedule until its cron line or its time zone is corrected."""
    try:
        return next(upcoming(row.cron, row.timezone, now), None)
    except InvalidJob:
        return None


def due_moments(
    cron: str, timezone: str, next_run_at: datetime, now: datetime, catch_up: str
) -> tuple[list[datetime], datetime | None]:
    """The moments to run now, and the first one to come. Pure.

    `last` runs the latest due one, `all` up to MAX_CATCH_UP of them, oldest first, `none` only one that is less than a
    minute late.
    """
    # In UTC: Python compares moments of one zone by the clock on the wall, wrong in the hour that comes twice.
    now, first = now.astimezone(UTC), next_run_at.astimezone(UTC)
    if catch_up == "all":
        moments = chain([first], upcoming(cron, timezone, first))
        due = list(takewhile(lambda moment: moment <= now, islice(moments, MAX_CATCH_UP)))
        return due, next(upcoming(cron, timezone, due[-1]), None)
    # Backwards from now: a schedule of every minute that rested for a year has half a million moments.
    just_after = now.replace(microsecond=0) + timedelta(seconds=1)
    latest = max(first, next(_moments(cron, timezone, just_after, reverse=True), first))
    is_wanted = catch_up == "last" or now - latest < timedelta(minutes=1)
    return [latest] if is_wanted else [], next(upcoming(cron, timezone, now), None)


def create(connection: Connection, new: NewSchedule, now: datetime) -> UUID:
    """
    Raises:
        InvalidJob: names every field at fault; a job type that nobody has registered is one.
        NameTaken
    """
    first = check(connection, new, now)
    parameters = {name: getattr(new, name) for name in NewSchedule.__dataclass_fields__}
    parameters["payload"] = payloads.encode(new.payload, "payload", limit=submissions.payload_limit())
    schedule_id: UUID | None = run(connection, "queue/create_schedule", {**parameters, "next_run_at": first}).scalar()
    if schedule_id is None:
        raise NameTaken("schedule", new.name)
    return schedule_id


def check(connection: Connection, new: NewSchedule, now: datetime) -> datetime:
    """Hold a schedule against every rule, and store nothing; returns the first moment after `now`.

    Raises:
        InvalidJob
    """
    jobs.check(_first_job(new), job_types.get(connection, new.job_type))
    if broken := list(_broken_rules(new)):
        raise InvalidJob(broken)
    first = next(upcoming(new.cron, new.timezone, now), None)
    if first is None:
        raise InvalidJob.at("cron", "never comes due")
    return first


def _first_job(new: NewSchedule) -> submissions.NewJob:
    return submissions.NewJob(
        job_type=new.job_type,
        payload=new.payload,
        priority=new.priority,
        max_retries=new.max_retries,
        timeout_ms=new.timeout_ms,
        created_by=new.created_by,
    )


def _broken_rules(new: NewSchedule) -> Iterator[Violation]:
    for name, text, limit in (("name", new.name, 100), ("cron", new.cron, 255), ("timezone", new.timezone, 64)):
        if not (0 < len(text) <= limit and payloads.is_storable(text)):
            yield Violation(name, f"must be 1 to {limit} characters of plain text")
    if new.catch_up not in ("last", "all", "none"):
        yield Violation("catch_up", "must be one of last, all, none")


def _job(row: Row[Any], moment: datetime) -> submissions.NewJob:
    return submissions.NewJob(
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
