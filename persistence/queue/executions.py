"""Attempts: claim, renew, report progress, record, rescue. Every verb names the attempt it acts for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID

from aeon_jobs.persistence.core.database import hot_rows, run
from aeon_jobs.persistence.queue.states import Verdict

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from aeon_jobs.persistence.core.models import JobExecution

COMMIT_LIMIT_MS = 10_000
"""Most time between a record in a transaction of the handler's and its commit."""


class Claimed(NamedTuple):
    """A job that this process now runs, as it stood at the claim; the fields are the columns of claim_jobs()."""

    id: UUID
    dispatch_seq: int
    attempt: int
    job_type: str
    queue_name: str
    priority: int
    payload: dict[str, Any]
    metadata: dict[str, Any]
    retry_count: int
    max_retries: int
    timeout_ms: int
    created_by: str | None
    due_at: datetime
    started_at: datetime
    traceparent: str | None
    tracestate: str | None

    @property
    def waited_ms(self) -> int:
        """From the moment when the job was due to the claim. A retry is due when its backoff ends."""
        return max(0, int((self.started_at - self.due_at).total_seconds() * 1_000))

    @property
    def retries_left(self) -> int:
        return self.max_retries - self.retry_count


@dataclass(frozen=True, slots=True)
class Renewal:
    id: UUID
    attempt: int
    cancel_requested: bool
    cancel_reason: str | None


def claim(
    connection: Connection, dispatches: Sequence[tuple[UUID, int]], *, worker_id: str, lease_ms: int
) -> dict[tuple[UUID, int], Claimed]:
    """Claim dispatches (job id, dispatch_seq). One that is missing from the answer is somebody else's, or cancelled."""
    if not dispatches:
        return {}
    ids, seqs = zip(*sorted(dispatches), strict=True)
    # As text, which psycopg2 writes much faster.
    parameters = {"ids": list(map(str, ids)), "seqs": list(seqs), "worker_id": worker_id, "lease_ms": lease_ms}
    claimed = [Claimed(*row) for row in hot_rows(connection, "queue/claim", parameters)]
    return {(job.id, job.dispatch_seq): job for job in claimed}


def claimed_before(
    connection: Connection, dispatches: Sequence[tuple[UUID, int]], *, worker_id: str
) -> dict[tuple[UUID, int], Claimed]:
    """Those of the dispatches that this worker has claimed and not recorded: after a claim whose reply was lost."""
    ids, seqs = zip(*sorted(dispatches), strict=True)
    rows = run(connection, "queue/claimed_before", {"ids": list(ids), "seqs": list(seqs), "worker_id": worker_id})
    return {(row.id, row.dispatch_seq): Claimed(**row._mapping) for row in rows}


def unclaim(connection: Connection, claimed: Sequence[Claimed]) -> int:
    """Give claimed jobs back that were not begun; returns how many. May be repeated when the reply was lost."""
    ids, attempts, started = zip(*sorted((job.id, job.attempt, job.started_at) for job in claimed), strict=True)
    return run(
        connection, "queue/unclaim", {"ids": list(ids), "attempts": list(attempts), "started": list(started)}
    ).rowcount


def held(connection: Connection, job_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the jobs whose row another transaction has locked: a change would wait."""
    return set(run(connection, "queue/held_jobs", {"ids": list(job_ids)}).scalars())


def renew(connection: Connection, attempts: Sequence[tuple[UUID, int]], *, lease_ms: int) -> list[Renewal]:
    """Renew the leases of (job id, attempt). One that is missing from the answer is lost."""
    ids, numbers = zip(*sorted(attempts), strict=True)
    rows = run(connection, "queue/renew", {"ids": list(ids), "attempts": list(numbers), "lease_ms": lease_ms})
    return [Renewal(**row._mapping) for row in rows]


def report_progress(
    connection: Connection,
    job_id: UUID,
    attempt: int,
    progress: dict[str, Any] | None,
    checkpoint: dict[str, Any] | None = None,
) -> bool | None:
    """Store progress, and cursors of iterations by name. Returns whether cancellation was
    requested; None when the attempt no longer holds the job."""
    parameters = {"id": job_id, "attempt": attempt, "progress": _json(progress), "checkpoint": _json(checkpoint)}
    row = run(connection, "queue/progress", parameters).one_or_none()
    return None if row is None else bool(row.cancel_requested)


def checkpoint(connection: Connection, job_id: UUID) -> dict[str, Any]:
    """The cursors of a job's iterations, by name."""
    return run(connection, "queue/checkpoint", {"id": job_id}).scalar_one_or_none() or {}


def _json(value: dict[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value)


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt and its verdict."""

    job_id: UUID
    attempt: int
    started_at: datetime
    verdict: Verdict
    ran_s: float | None = None
    """How long the handler ran. None: all the time from the claim to the record."""

    @classmethod
    def of(cls, claimed: Claimed, verdict: Verdict, ran_s: float | None = None) -> Ended:
        return cls(claimed.id, claimed.attempt, claimed.started_at, verdict, ran_s)


def record(
    connection: Connection, ended: Sequence[Ended], *, worker_id: str, shard: int, dlq_enabled: bool = True
) -> dict[tuple[UUID, int], bool]:
    """Record how attempts ended. False: the job had been lost, its outcome is kept as superseded.

    What is recorded is recorded all or nothing. May be repeated when the reply was lost.
    """
    verdicts = {(entry.job_id, entry.attempt): _verdict_row(entry) for entry in _in_lock_order(ended)}
    parameters = {"worker_id": worker_id, "shard": shard, "dlq_enabled": dlq_enabled}
    recorded = hot_rows(connection, "queue/record", {**parameters, "verdicts": json.dumps(list(verdicts.values()))})
    won = set[tuple[str, int]](recorded)
    if lost := [row for row in verdicts.values() if _key(row) not in won]:
        rows = run(connection, "queue/supersede", {"worker_id": worker_id, "verdicts": json.dumps(lost)})
        won |= {(str(row.job_id), row.attempt) for row in rows}
    return {attempt: _key(row) in won for attempt, row in verdicts.items()}


def _key(verdict_row: dict[str, Any]) -> tuple[str, int]:
    return verdict_row["job_id"], verdict_row["attempt"]


def complete(connection: Connection, ended: Ended, *, worker_id: str, shard: int) -> bool:
    """Record an attempt's end in the transaction of its own effects. False: it must not commit.

    Stricter than `record`: a verdict that stands already, a release for one, is somebody else's, not a lost reply.
    """
    # From here to the commit it holds the job's row: a process that is frozen in between must not keep it from everybody.
    connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = {COMMIT_LIMIT_MS}")
    parameters = {"worker_id": worker_id, "shard": shard, "dlq_enabled": True}
    return bool(run(connection, "queue/record", {**parameters, "verdicts": json.dumps([_verdict_row(ended)])}).all())


def _in_lock_order(ended: Sequence[Ended]) -> list[Ended]:
    """By job, as `claim` and `renew` have it: statements on several jobs at once lock them in one order."""
    return sorted(ended, key=lambda entry: (entry.job_id, entry.attempt))


@dataclass(frozen=True, slots=True)
class Rescued:
    id: UUID
    attempt: int
    job_type: str
    worker_id: str | None
    status: str


def rescue(
    connection: Connection, *, dead_workers: Sequence[str] = (), max_deaths: int, expired: bool = True
) -> list[Rescued]:
    """Take back running jobs of workers known to be dead, and, if `expired`, all whose lease ended."""
    parameters = {"dead_workers": list(dead_workers), "max_deaths": max_deaths, "expired": expired}
    rows = run(connection, "queue/rescue", parameters)
    return [Rescued(**row._mapping) for row in rows]


def of_job(connection: Connection, job_id: UUID) -> list[JobExecution]:
    """Every attempt of a job, oldest first."""
    return cast("list[JobExecution]", run(connection, "queue/executions", {"id": job_id}).all())


def _verdict_row(entry: Ended) -> dict[str, Any]:
    verdict, failure = entry.verdict, entry.verdict.failure
    row: dict[str, Any] = {
        "job_id": str(entry.job_id),
        "attempt": entry.attempt,
        "started_at": entry.started_at.isoformat(),
        "ran_s": entry.ran_s,
        "outcome": verdict.outcome,
        "status": verdict.status.value,
        "uses_retry": verdict.uses_retry,
    }
    # Most attempts have nothing more to tell: what is left out is null.
    if verdict.result is not None:
        row["result"] = verdict.result
    if verdict.delay_ms is not None:
        row["delay_ms"] = verdict.delay_ms
    if failure is not None:
        row |= {
            "reason": verdict.reason,
            "error_type": failure.error_type,
            "error_message": failure.message,
            "traceback": failure.traceback,
            "fingerprint": failure.fingerprint,
        }
    return row
