"""A tick: due schedules become runs, and move on.

1. Take the schedule that is due first, and lock its row. Others pass it over.
2. Pause it, if its last runs failed too often.
3. Decide on each due time up to now: see `policy` and `runs`.
4. Move it on. Steps 1 to 4 are one transaction for each schedule: any number of schedulers may tick, and die.

A schedule that cannot run (its job type is gone, its payload does not fit) keeps its error and moves on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import structlog
from sqlalchemy import Connection, Row, func, select
from sqlalchemy.exc import DBAPIError

from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.database import Database, is_transient, run
from aeon_jobs.persistence.core.errors import JobsError
from aeon_jobs.persistence.schedules import policy, runs
from aeon_jobs.persistence.schedules.definitions import timetable_of
from aeon_jobs.persistence.schedules.history import Origin
from aeon_jobs.persistence.schedules.policy import ON_TIME, CatchUp, Overlap
from aeon_jobs.persistence.schedules.runs import Decision
from aeon_jobs.persistence.schedules.timetable import Timetable

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.spans import Tracer

_log = structlog.get_logger(__name__)


@dataclass
class Ticked:
    submitted: list[UUID] = field(default_factory=list)
    cancelled: list[UUID] = field(default_factory=list)


def is_due(connection: Connection) -> bool:
    """Whether a tick has something to do."""
    return bool(run(connection, "schedules/is_due").scalar_one())


def tick(database: Database, now: datetime | None = None, *, tracer: Tracer | None = None) -> Ticked:
    """Run every schedule that is due at `now`.

    The clock is PostgreSQL's by default: a scheduler whose own clock is wrong ticks right all the same.
    """
    ticked, failed = Ticked(), set[UUID]()
    while _take_one(database, now, ticked, failed, tracer):
        pass
    return ticked


def _take_one(
    database: Database, now: datetime | None, ticked: Ticked, failed: set[UUID], tracer: Tracer | None
) -> bool:
    schedule = None
    try:
        with database.transaction() as connection:
            at = now or connection.execute(select(func.clock_timestamp())).scalar_one()
            schedule = run(connection, "schedules/due", {"now": at, "failed": list(failed)}).one_or_none()
            if schedule is None:
                return False
            decisions = list(_run(connection, schedule, at, tracer))
    except DBAPIError as error:
        # A deadlock, a lost connection: the next tick is soon enough.
        if schedule is None or is_transient(error):
            raise
        failed.add(schedule.id)
        _note(database, schedule, at, error)
        return True
    for decision in decisions:
        ticked.submitted += [decision.job.id] if decision.job else []
        ticked.cancelled += decision.cancelled
    return True


def _run(connection: Connection, schedule: Row[Any], now: datetime, tracer: Tracer | None) -> Iterator[Decision]:
    if (most := schedule.max_failures) is not None:
        runs.settle(connection, schedule)
        if runs.failures_in_a_row(connection, schedule, most) >= most:
            _pause(connection, schedule, most)
            return
    error: str | None = None
    following: datetime | None = None
    submitted = 0
    try:
        timetable = timetable_of(schedule)
        due = policy.due(timetable, schedule.next_run_at, now, cast(CatchUp, schedule.catch_up), _window(schedule))
        following = due.following
        if due.missed is not None:
            _miss(connection, schedule, due, now)
        for moment in due.moments:
            decision = _decide(connection, schedule, timetable, moment, now, tracer)
            if decision is not None:
                yield decision
                error = decision.reason if decision.outcome == "failed" else None
                submitted += decision.outcome == "submitted"
            if schedule.max_runs is not None and schedule.run_count + submitted >= schedule.max_runs:
                following = None
                break
        crash("schedule.submitted")
    except JobsError as fault:
        # Its rules are broken: it rests until somebody mends it.
        error = str(fault)
        _log.error("schedule failed", schedule=schedule.name, error=error)
    parameters = {
        "id": schedule.id,
        "next_run_at": following,
        "last_run_at": now,
        "last_error": error,
        "runs": submitted,
    }
    run(connection, "schedules/advance", parameters)


def _decide(
    connection: Connection,
    schedule: Row[Any],
    timetable: Timetable,
    moment: datetime,
    now: datetime,
    tracer: Tracer | None,
) -> Decision | None:
    origin: Origin = "due" if now - moment < ON_TIME else "catch_up"
    following = next(timetable.after(moment), None) if schedule.jitter_ms else None
    try:
        with connection.begin_nested():
            return runs.decide(
                connection,
                schedule,
                moment,
                origin=origin,
                overlap=cast(Overlap, schedule.overlap),
                following=following,
                tracer=tracer,
            )
    except JobsError as fault:
        _log.error("schedule failed", schedule=schedule.name, error=str(fault))
        failed = Decision(moment, "failed", reason=str(fault))
        runs.record(connection, schedule, failed, origin)
        return failed


def _miss(connection: Connection, schedule: Row[Any], due: policy.Due, now: datetime) -> None:
    assert due.missed is not None
    until = due.moments[0] if due.moments else now
    reason = f"due times before {until.isoformat(timespec='seconds')} were missed; catch_up is {schedule.catch_up}"
    if schedule.catch_up_window_s is not None:
        reason += f", for {schedule.catch_up_window_s} s"
    runs.record(connection, schedule, Decision(due.missed, "missed", reason=reason), "catch_up")
    _log.warning("schedule missed due times", schedule=schedule.name, reason=reason)


def _pause(connection: Connection, schedule: Row[Any], failures: int) -> None:
    note = f"paused: the last {failures} run(s) failed"
    run(connection, "schedules/pause", {"id": schedule.id, "note": note})
    _log.error("schedule paused", schedule=schedule.name, note=note)


def _note(database: Database, schedule: Row[Any], now: datetime, error: DBAPIError) -> None:
    reason = str(error.orig or error).splitlines()[0]
    _log.error("schedule failed", schedule=schedule.name, error=reason)
    try:
        following = next(timetable_of(schedule).after(now), None)
    except JobsError:
        following = None
    with database.transaction() as connection:
        run(connection, "schedules/note_error", {"id": schedule.id, "next_run_at": following, "error": reason})


def _window(schedule: Row[Any]) -> timedelta | None:
    return None if schedule.catch_up_window_s is None else timedelta(seconds=schedule.catch_up_window_s)
