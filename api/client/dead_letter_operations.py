"""Calls about dead letters: jobs that somebody has to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from aeon_jobs.api import contract
from aeon_jobs.api.client.bodies import body
from aeon_jobs.api.client.operations import Operation, batch_body, get, nothing, paced, page_of, post
from aeon_jobs.api.client.parsing import one
from aeon_jobs.api.contract import DeadLetterFilter


def dead_letter_page(
    which: DeadLetterFilter | None = None,
    *,
    status: Literal["open", "resolved", "all"] = "open",
    limit: int = 200,
    cursor: str | None = None,
) -> Operation[contract.Page[contract.DeadLetterSummary]]:
    """Dead letters, newest first."""
    conditions = body(which or DeadLetterFilter())
    page = page_of(contract.DeadLetterSummary)
    return get("/api/dead-letters", page, status=status, limit=limit, cursor=cursor, **conditions)


def dead_letter(dead_letter_id: int) -> Operation[contract.DeadLetter]:
    """A dead letter with payload, traceback and every attempt of its job."""
    return get(f"/api/dead-letters/{dead_letter_id}", one(contract.DeadLetter))


def failure_groups(
    period: contract.FailurePeriod = "7d", *, fingerprint: str | None = None, limit: int = 50
) -> Operation[contract.FailureGroups]:
    """Dead letters by cause, with a chart of the last 24h, 7d or 30d and a sample of each. `fingerprint`: this one alone."""
    groups = one(contract.FailureGroups)
    return get("/api/dead-letters/groups", groups, period=period, fingerprint=fingerprint, limit=limit)


def requeue_dead_letter(
    dead_letter_id: int, *, payload: Mapping[str, Any] | None = None, reason: str | None = None
) -> Operation[contract.Job]:
    """Its job starts anew; with `payload`, an edited one.

    Raises:
        WrongState: the job is not over.
        InvalidRequest: the payload does not fit the job type.
    """
    values: dict[str, Any] = {"payload": None if payload is None else dict(payload), "reason": reason}
    given = {name: value for name, value in values.items() if value is not None}
    return post(f"/api/dead-letters/{dead_letter_id}/requeue", one(contract.Job), given)


def discard_dead_letter(dead_letter_id: int, *, reason: str | None = None) -> Operation[None]:
    """Close it without another try; the job stays failed."""
    params = (("reason", reason),) if reason else ()
    return Operation(method="DELETE", path=f"/api/dead-letters/{dead_letter_id}", read=nothing, params=params)


def requeue_dead_letters(
    target: DeadLetterFilter | Sequence[UUID],
    *,
    dry_run: bool = False,
    reason: str | None = None,
    per_second: float | None = None,
    delay_ms: int = 0,
) -> Operation[contract.BatchAnswer]:
    """Requeue by the ids of the jobs, or the oldest 10,000 open dead letters that match, with an answer for each.

    `per_second`: one after the other, the first after `delay_ms`; without it all at once.
    """
    return post(
        "/api/dead-letters/bulk/requeue",
        one(contract.BatchAnswer),
        {**batch_body(target, dry_run, reason), **paced(per_second, delay_ms)},
    )


def discard_dead_letters(
    target: DeadLetterFilter | Sequence[UUID], *, dry_run: bool = False, reason: str | None = None
) -> Operation[contract.BatchAnswer]:
    """Discard by the ids of the jobs, or the oldest 10,000 open dead letters that match, with an answer for each."""
    return post("/api/dead-letters/bulk/discard", one(contract.BatchAnswer), batch_body(target, dry_run, reason))
