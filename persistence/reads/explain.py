"""Why a job is not running: every reason that holds now, in words.

One query for the job, its dependencies, its queue and the workers. For a finished job, the reason is its outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import JobNotFound
from aeon_jobs.persistence.reads import gate
from aeon_jobs.persistence.reads.reasons import Reason

_STUCK = ("failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Explanation:
    job_id: UUID
    status: str
    summary: str
    reasons: list[Reason]


def explain(
    connection: Connection, job_id: UUID, *, silence_ms: int, now: datetime | None = None, deep: bool = True
) -> Explanation:
    """`deep`: also why a job that it waits for is not over.

    Raises:
        JobNotFound
    """
    row = run(connection, "reads/explain", {"id": job_id, "silence_ms": silence_ms}).one_or_none()
    if row is None:
        row = run(connection, "reads/explain_archived", {"id": job_id}).one_or_none()
    if row is None:
        raise JobNotFound(job_id)
    now = now or datetime.now(UTC)
    reasons = reasons_for(row, now)
    if row.status == "pending" and row.waits_for and deep:
        parent = _why_parent_waits(connection, row.waits_for, silence_ms, now)
        reasons = [
            replace(reason, message=reason.message + parent) if reason.code == "waits_for_jobs" else reason
            for reason in reasons
        ]
    return Explanation(row.id, row.status, "; ".join(reason.message for reason in reasons), reasons)


def reasons_for(row: Row[Any], now: datetime) -> list[Reason]:
    """The decision, apart from the database. Pure."""
    match row.status:
        case "pending":
            return _pending(row, now) or [_next_in_line(row)]
        case "queued":
            return _nobody_to_run_it(row) or [_queued(row, now)]
        case "running":
            return [_running(row, now)]
    return [_over(row)]


def _pending(row: Row[Any], now: datetime) -> list[Reason]:
    reasons = []
    if row.cancel_requested_at:
        reasons.append(Reason("cancel_requested", "its cancellation was requested"))
    if row.scheduled_at and row.scheduled_at > now:
        wait_s = round((row.scheduled_at - now).total_seconds())
        why = "waits for its retry" if row.retry_count else "is scheduled"
        message = f"{why}: not due before {row.scheduled_at.isoformat()}, in {wait_s} s"
        reasons.append(Reason("not_due", message, {"scheduled_at": row.scheduled_at, "wait_s": wait_s}))
    if row.waits_for:
        reasons.append(_waits(row))
    elif row.hold_opened_at and row.hold_kind != "run":
        return [*reasons, _held(row)]
    if row.hold_kind in ("signal", "timer"):
        # Nobody runs it.
        return reasons
    if row.paused_at:
        because = f": {row.pause_reason}" if row.pause_reason else ""
        message = f"queue {row.queue_name} was paused by {row.paused_by}{because}"
        reasons.append(Reason("queue_paused", message, {"paused_at": row.paused_at}))
    if row.max_running is not None and row.in_motion >= row.max_running:
        message = f"queue {row.queue_name} runs its limit of {row.max_running} jobs"
        reasons.append(Reason("limit_reached", message, {"max_running": row.max_running, "running": row.in_motion}))
    if row.type_paused_at:
        because = f": {row.type_pause_reason}" if row.type_pause_reason else ""
        message = f"job type {row.job_type} was paused by {row.type_paused_by}{because}"
        reasons.append(Reason("job_type_paused", message, {"paused_at": row.type_paused_at}))
    if row.gated:
        reasons += gate.reasons(row)
    return reasons + _nobody_to_run_it(row)


def _waits(row: Row[Any]) -> Reason:
    stuck = [entry for entry in row.waits_for if entry["status"] in _STUCK]
    message = f"waits for {row.waits_for_count} job(s)"
    if row.schedule:
        message += f", earlier runs of schedule {row.schedule}"
    if stuck:
        message += f", {len(stuck)} of which failed or was cancelled: requeue it, or cancel this job"
    return Reason("waits_for_jobs", message, {"jobs": row.waits_for})


def _why_parent_waits(connection: Connection, parents: list[dict[str, Any]], silence_ms: int, now: datetime) -> str:
    """Of the first one: one that is over and will not be satisfied comes first."""
    first = min(parents, key=lambda parent: parent["status"] not in _STUCK)
    try:
        found = explain(connection, UUID(str(first["job_id"])), silence_ms=silence_ms, now=now, deep=False)
    except JobNotFound:  # deleted meanwhile
        return ""
    name = f"step {first['step']}" if first["step"] else f"job {first['job_id']}"
    return f"; {name} {found.summary}" if found.status in _STUCK else f"; {name} is {found.status}: it {found.summary}"


def _held(row: Row[Any]) -> Reason:
    until = f" until {row.hold_due_at.isoformat()}" if row.hold_due_at else ""
    if row.hold_kind == "timer":
        return Reason("waits_for_time", f"waits{until}", {"due_at": row.hold_due_at})
    message = f"waits for a signal{until}: aeon-jobs workflows signal {row.workflow_id} {row.step_name}"
    details = {"workflow_id": row.workflow_id, "step": row.step_name, "due_at": row.hold_due_at}
    return Reason("waits_for_signal", message, details)


def _nobody_to_run_it(row: Row[Any]) -> list[Reason]:
    reasons = []
    if not row.type_known:
        message = f"no worker ever registered job type {row.job_type}"
        reasons.append(Reason("unknown_job_type", message, {"job_type": row.job_type}))
    if not row.queue_workers:
        message = f"no live worker serves queue {row.queue_name}"
        reasons.append(Reason("no_worker_for_queue", message, {"queue_name": row.queue_name}))
    elif row.type_known and not row.type_workers:
        message = f"no live worker of queue {row.queue_name} knows job type {row.job_type}: it waits until one does"
        reasons.append(Reason("no_worker_for_type", message, {"job_type": row.job_type}))
    if not row.dispatchers and not row.queue_workers:
        reasons.append(Reason("no_dispatcher", "no dispatcher and no worker is alive, so no job is started"))
    return reasons


def _next_in_line(row: Row[Any]) -> Reason:
    if row.ahead:
        count = f"{row.ahead}" if row.ahead < row.counted else f"at least {row.counted}"
        first = f"{count} {row.job_type} job(s) of queue {row.queue_name} come first"
        message = f"is ready; {first}, {row.threads} thread(s) work on them"
        return Reason("behind_others", message, {"ahead": row.ahead, "threads": row.threads})
    return Reason("ready", "is ready, and next in its queue")


def _queued(row: Row[Any], now: datetime) -> Reason:
    age_s = round((now - row.queued_at).total_seconds(), 1)
    message = f"is on its way to a worker since {age_s} s; all {row.threads} thread(s) of its queue may be busy"
    return Reason("queued", message, {"queued_at": row.queued_at, "threads": row.threads})


def _running(row: Row[Any], now: datetime) -> Reason:
    details = {"worker_id": row.worker_id, "attempt": row.attempt, "lease_expires_at": row.lease_expires_at}
    if row.lease_expires_at and row.lease_expires_at < now:
        message = f"its worker {row.worker_id} let the lease end: it will be taken back"
        return Reason("lease_expired", message, details)
    asked = "; it was asked to stop" if row.cancel_requested_at else ""
    return Reason("running", f"attempt {row.attempt} runs on {row.worker_id}, which holds the lease{asked}", details)


def _over(row: Row[Any]) -> Reason:
    match row.status:
        case "completed":
            return Reason("completed", f"completed at {row.completed_at.isoformat()}")
        case "cancelled":
            because = f": {row.cancel_reason}" if row.cancel_reason else ""
            return Reason("cancelled", f"was cancelled by {row.cancel_requested_by or 'an unknown user'}{because}")
    return Reason("failed", f"failed after {row.attempt} attempt(s): {row.error_message or 'no message'}")
