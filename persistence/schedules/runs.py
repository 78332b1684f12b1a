"""One run of a schedule: its row, its job, its place behind earlier runs.

Whoever starts a run holds the lock on the schedule's row, in one transaction with everything that is written here. So a due
time is decided on once: the second to come finds the row of the first. The primary key of job_schedule_runs, and the unique
index on `jobs`, hold even where somebody writes these tables by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Connection, Row

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import InvalidJob, WrongState
from aeon_jobs.persistence.queue import job_types, jobs
from aeon_jobs.persistence.queue.submissions import NewJob, Submitted
from aeon_jobs.persistence.schedules import policy
from aeon_jobs.persistence.schedules.definitions import ScheduleNotFound, job_of
from aeon_jobs.persistence.schedules.history import Origin, Outcome
from aeon_jobs.persistence.schedules.policy import Live, Overlap, Skip, Start

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.spans import Tracer


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a due time."""

    due_at: datetime
    outcome: Outcome
    job: Submitted | None = None
    reason: str | None = None
    cancelled: list[UUID] = field(default_factory=list)
    """Jobs of earlier runs that were cancelled, or asked to stop."""


def locked(connection: Connection, schedule_id: UUID) -> Row[Any]:
    """The row of a schedule, which must be locked for all that follows.

    Raises:
        ScheduleNotFound
    """
    row = run(connection, "schedules/lock", {"id": schedule_id}).one_or_none()
    if row is None:
        raise ScheduleNotFound(schedule_id)
    return row


def decide(
    connection: Connection,
    schedule: Row[Any],
    due_at: datetime,
    *,
    origin: Origin,
    overlap: Overlap,
    following: datetime | None = None,
    by: str | None = None,
    tracer: Tracer | None = None,
) -> Decision | None:
    """Start the run of a due time, or skip it; None: it was decided on before. `following` bounds the jitter.

    Raises:
        InvalidJob: its job type or its payload does not fit any more. Roll back to before the call.
    """
    if _is_decided(connection, schedule, due_at, origin):
        return None
    settle(connection, schedule)
    how = policy.overlapping(overlap, live(connection, schedule) if overlap != "allow_all" else [])
    if isinstance(how, Skip):
        decision = Decision(due_at, "skipped", reason=how.reason)
    else:
        decision = _submitted(connection, schedule, due_at, origin, how, following, by, tracer)
    record(connection, schedule, decision, origin)
    return decision


def settle(connection: Connection, schedule: Row[Any]) -> None:
    """Note how the jobs of earlier runs ended. Done when the next run is due: it costs the hot path nothing."""
    run(connection, "schedules/settle", {"id": schedule.id})


def live(connection: Connection, schedule: Row[Any]) -> list[Live]:
    """Earlier runs whose jobs are not over."""
    return [Live(**row._mapping) for row in run(connection, "schedules/live", {"id": schedule.id})]


def failures_in_a_row(connection: Connection, schedule: Row[Any], most: int) -> int:
    parameters = {"id": schedule.id, "since": schedule.resumed_at, "count": most}
    return policy.failures_in_a_row(list(run(connection, "schedules/last_ends", parameters).scalars()))


def record(connection: Connection, schedule: Row[Any], decision: Decision, origin: Origin) -> None:
    parameters = {
        "schedule_id": schedule.id,
        "due_at": decision.due_at,
        "origin": origin,
        "outcome": decision.outcome,
        "reason": decision.reason,
        "job_id": decision.job.id if decision.job else None,
    }
    run(connection, "schedules/record_run", parameters)
    run(connection, "schedules/count_run", {"job_type": schedule.job_type, "outcome": decision.outcome})


def run_now(connection: Connection, schedule: Row[Any], now: datetime, by: str) -> Submitted:
    """A run beside the due times, at once, whatever else runs.

    Raises:
        InvalidJob: its payload does not fit the job type any more.
    """
    decision = decide(connection, schedule, now, origin="manual", overlap="allow_all", by=by)
    if decision is None or decision.job is None:
        raise InvalidJob.at("due_at", "has its run already")
    return decision.job


def _is_decided(connection: Connection, schedule: Row[Any], due_at: datetime, origin: Origin) -> bool:
    found = run(connection, "schedules/find_run", {"schedule_id": schedule.id, "due_at": due_at}).one_or_none()
    if found is None:
        return False
    # A backfill makes up for what was skipped, missed or failed; a second one decides nothing anew.
    return not (
        origin == "backfill"
        and found.outcome != "submitted"
        and (found.origin, found.outcome) != ("backfill", "skipped")
    )


def _submitted(
    connection: Connection,
    schedule: Row[Any],
    due_at: datetime,
    origin: Origin,
    how: Start,
    following: datetime | None,
    by: str | None,
    tracer: Tracer | None,
) -> Decision:
    delay = policy.jitter(schedule.id, due_at, schedule.jitter_ms, following) if origin == "due" else timedelta()
    new = job_of(schedule, due_at, delay, how.after, by or f"schedule:{schedule.name}")
    # First the new job, behind the old ones: it cannot be lost if cancelling them fails.
    job = _submit(connection, new, tracer)
    cancelled = [job_id for job_id in how.cancels if _cancel(connection, job_id, schedule)]
    return Decision(due_at, "submitted", job, cancelled=cancelled)


def _submit(connection: Connection, new: NewJob, tracer: Tracer | None) -> Submitted:
    if tracer is None:
        return jobs.submit(connection, new)
    job_type = job_types.get(connection, new.job_type)
    with tracer.send(new.job_type, job_type.queue_name if job_type else "") as sending:
        job = jobs.submit(connection, replace(new, **sending.context._asdict()), job_type)
        sending.stored(job.id, is_new=job.is_new)
    return job


def _cancel(connection: Connection, job_id: UUID, schedule: Row[Any]) -> bool:
    try:
        jobs.cancel(connection, job_id, "the next run of its schedule is due", f"schedule:{schedule.name}")
    except WrongState:
        return False
    return True
