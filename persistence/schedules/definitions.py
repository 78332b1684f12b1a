"""What a schedule is, and the rules that it must keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Connection, Row

from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.errors import InvalidJob, JobsError, Violation
from aeon_jobs.persistence.queue import job_types, jobs
from aeon_jobs.persistence.queue.submissions import Defaults, NewJob
from aeon_jobs.persistence.schedules import timetable
from aeon_jobs.persistence.schedules.policy import CATCH_UPS, OVERLAPS, CatchUp, Overlap
from aeon_jobs.persistence.schedules.timetable import Timetable


class ScheduleNotFound(JobsError, LookupError):
    def __init__(self, schedule_id: UUID) -> None:
        super().__init__(f"no schedule with id {schedule_id}")


MAX_JITTER_MS = 86_400_000
MAX_WINDOW_S = 366 * 86_400
_TEXTS = (("name", 100), ("cron", 4_000), ("timezone", 64), ("exclude", 4_000), ("pause_note", 1_000))
_NUMBERS = (
    ("jitter_ms", 0, MAX_JITTER_MS),
    ("catch_up_window_s", 10, MAX_WINDOW_S),
    ("max_runs", 1, 1_000_000_000),
    ("max_failures", 1, 1_000),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    """None in `priority`, `max_retries`, `timeout_ms`: the job type's own, as it is when the job is made."""

    name: str
    job_type: str
    cron: str
    """Rules, one on each line: see `timetable`."""
    timezone: str = "UTC"
    exclude: str | None = None
    """Days and cron lines at which nothing runs, one on each line."""
    start_at: datetime | None = None
    end_at: datetime | None = None
    """Both inclusive."""
    jitter_ms: int = 0
    payload: dict[str, Any] = field(default_factory=dict)
    priority: int | None = None
    max_retries: int | None = None
    timeout_ms: int | None = None
    enabled: bool = True
    pause_note: str | None = None
    catch_up: CatchUp = "last"
    catch_up_window_s: int | None = None
    overlap: Overlap | None = None
    """None: `skip`, or `buffer_all` if `catch_up` is `all`: it would skip most of what it makes up for."""
    max_runs: int | None = None
    max_failures: int | None = None
    """Failed runs in a row after which it is paused."""
    created_by: str | None = None


FIELDS = tuple(NewSchedule.__dataclass_fields__)
TIMING = frozenset({"cron", "timezone", "exclude", "start_at", "end_at", "enabled", "max_runs"})
"""Whoever changes one of them changes the next due time."""


class Timed(Protocol):
    """A schedule, or a row of one."""

    @property
    def cron(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    @property
    def exclude(self) -> str | None: ...
    @property
    def start_at(self) -> datetime | None: ...
    @property
    def end_at(self) -> datetime | None: ...


def timetable_of(schedule: Timed | Row[Any]) -> Timetable:
    """
    Raises:
        InvalidJob: names `cron`, `timezone` or `exclude`.
    """
    return timetable.parse(schedule.cron, schedule.timezone, schedule.exclude, schedule.start_at, schedule.end_at)


def overlap_of(new: NewSchedule) -> Overlap:
    return new.overlap or ("buffer_all" if new.catch_up == "all" else "skip")


def check(connection: Connection, new: NewSchedule, now: datetime) -> datetime:
    """Hold a schedule against every rule, and store nothing; returns its first due time after `now`.

    Raises:
        InvalidJob
    """
    return check_type(new, job_types.get(connection, new.job_type), now)


def check_type(new: NewSchedule, job_type: Defaults, now: datetime) -> datetime:
    """As `check`, for a job type that is known."""
    jobs.check(_first_job(new), job_type)
    if broken := list(_broken_rules(new)):
        raise InvalidJob(broken)
    first = next(timetable_of(new).after(now), None)
    if first is None:
        raise InvalidJob.at("cron", "never comes due")
    return first


def job_of(schedule: Any, due_at: datetime, jitter: timedelta, after: tuple[UUID, ...], by: str) -> NewJob:
    """The job of a run. `schedule`: a row; `after`: jobs that must be over."""
    return NewJob(
        job_type=schedule.job_type,
        payload=schedule.payload,
        priority=schedule.priority,
        max_retries=schedule.max_retries,
        timeout_ms=schedule.timeout_ms,
        scheduled_at=due_at + jitter if jitter else None,
        metadata={**schedule.metadata, "schedule": schedule.name},
        created_by=by,
        depends_on=after,
        on_dependency_failure="run",
        schedule_id=schedule.id,
        schedule_run_at=due_at,
    )


def _first_job(new: NewSchedule) -> NewJob:
    return NewJob(
        job_type=new.job_type,
        payload=new.payload,
        priority=new.priority,
        max_retries=new.max_retries,
        timeout_ms=new.timeout_ms,
        created_by=new.created_by,
    )


def _broken_rules(new: NewSchedule) -> Iterator[Violation]:
    for name, limit in _TEXTS:
        text = getattr(new, name)
        if text is not None and not (0 < len(text) <= limit and payloads.is_storable(text)):
            yield Violation(name, f"must be 1 to {limit} characters of plain text")
    for name, low, high in _NUMBERS:
        number = getattr(new, name)
        if number is not None and not (type(number) is int and low <= number <= high):
            yield Violation(name, f"must be a whole number from {low} to {high}")
    for name, known in (("catch_up", CATCH_UPS), ("overlap", (*OVERLAPS, None))):
        if getattr(new, name) not in known:
            yield Violation(name, f"must be one of {', '.join(filter(None, known))}")
    for name in ("start_at", "end_at"):
        moment = getattr(new, name)
        if moment is not None and moment.tzinfo is None:
            yield Violation(name, "must be a point in time that carries a time zone")
            return
    if new.start_at and new.end_at and new.end_at <= new.start_at:
        yield Violation("end_at", "must be after start_at")
