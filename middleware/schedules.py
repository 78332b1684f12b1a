"""Schedules that code declares.

    @job(schedule="0 7 * * 1-5")
    def digest() -> None: ...

    schedules.declare(digest, Schedule("0 10 * * 6", timezone="Europe/Berlin"), name="weekend digest")

A worker writes them to PostgreSQL when it starts: see `aeon_jobs.persistence.schedules.declared`. A process that only sends
jobs writes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from aeon_jobs.middleware.actor import JobActor

CatchUp = Literal["last", "all", "none"]
Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """When jobs of a type are submitted; docs/guides/schedules.md explains the fields."""

    cron: str | Sequence[str]
    """A cron line or an interval, or several."""
    timezone: str = "UTC"
    exclude: str | Sequence[str] | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None
    jitter: timedelta = timedelta()
    payload: Mapping[str, Any] = field(default_factory=dict)
    priority: int | None = None
    """None here and below: the job type's own."""
    max_retries: int | None = None
    timeout: timedelta | None = None
    catch_up: CatchUp = "last"
    catch_up_window: timedelta | None = None
    overlap: Overlap | None = None
    max_runs: int | None = None
    max_failures: int | None = None


def declare(
    actor: JobActor[Any, Any],
    schedule: Schedule | str | Sequence[str],
    *,
    name: str | None = None,
    module: str | None = None,
) -> None:
    """Declare a schedule of a job type. `name`: of the schedule, the job type's by default; one name is one schedule.
    `module`: whose it is, the caller's by default.

    Raises:
        InvalidJob: a rule, a time zone, the payload … cannot be honoured; names the field.
        ValueError: the name was declared before.
    """
    from aeon_jobs.persistence.schedules.declared import Declaration
    from aeon_jobs.persistence.schedules.definitions import NewSchedule, check_type

    given = schedule if isinstance(schedule, Schedule) else Schedule(schedule)
    module = module or sys._getframe(1).f_globals.get("__name__", "")
    new = NewSchedule(
        name=name or actor.actor_name,
        job_type=actor.actor_name,
        cron=_lines(given.cron),
        timezone=given.timezone,
        exclude=None if given.exclude is None else _lines(given.exclude),
        start_at=given.start_at,
        end_at=given.end_at,
        jitter_ms=_ms(given.jitter),
        payload=dict(given.payload),
        priority=given.priority,
        max_retries=given.max_retries,
        timeout_ms=None if given.timeout is None else _ms(given.timeout),
        catch_up=given.catch_up,
        catch_up_window_s=None if given.catch_up_window is None else int(given.catch_up_window.total_seconds()),
        overlap=given.overlap,
        max_runs=given.max_runs,
        max_failures=given.max_failures,
        created_by=f"code:{module}"[:255],
    )
    # One that has ended may stay in the code.
    check_type(new, actor.definition, given.start_at or datetime.min.replace(year=2000, tzinfo=UTC))
    declared = actor.broker.schedules
    if new.name in declared:
        raise ValueError(f"schedule {new.name!r} is declared twice: give each a name of its own")
    declared[new.name] = Declaration(new, module)


def _lines(rules: str | Sequence[str]) -> str:
    return rules if isinstance(rules, str) else "\n".join(rules)


def _ms(span: timedelta) -> int:
    return round(span.total_seconds() * 1_000)
