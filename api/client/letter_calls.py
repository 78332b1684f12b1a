"""Calls about dead letters: jobs that somebody has to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from aeon_jobs.api.client import views
from aeon_jobs.api.client.calls import Call, batch_body, get, nothing, paced, page_of, post
from aeon_jobs.api.client.forms import LetterFilter
from aeon_jobs.api.client.reading import listed, one


def letter_page(
    which: LetterFilter | None = None,
    *,
    status: Literal["open", "resolved", "all"] = "open",
    limit: int = 200,
    cursor: str | None = None,
) -> Call[views.Page[views.LetterSummary]]:
    """Dead letters, newest first."""
    conditions = (which or LetterFilter()).body()
    page = page_of(views.LetterSummary)
    return get("/api/dead-letters", page, status=status, limit=limit, cursor=cursor, **conditions)


def dead_letter(letter_id: int) -> Call[views.Letter]:
    """A dead letter with payload, traceback and every attempt of its job."""
    return get(f"/api/dead-letters/{letter_id}", one(views.Letter))


def dead_letter_causes(limit: int = 50) -> Call[list[views.LetterCause]]:
    """Open dead letters by cause, the most frequent first."""
    return get("/api/dead-letters/causes", listed(views.LetterCause), limit=limit)


def requeue_dead_letter(
    letter_id: int, *, payload: Mapping[str, Any] | None = None, reason: str | None = None
) -> Call[views.Job]:
    """Its job starts anew; with `payload`, an edited one.

    Raises:
        WrongState: the job is not over.
        InvalidRequest: the payload does not fit the job type.
    """
    body: dict[str, Any] = {"payload": None if payload is None else dict(payload), "reason": reason}
    given = {name: value for name, value in body.items() if value is not None}
    return post(f"/api/dead-letters/{letter_id}/requeue", one(views.Job), given)


def discard_dead_letter(letter_id: int, *, reason: str | None = None) -> Call[None]:
    """Close it without another try; the job stays failed."""
    params = (("reason", reason),) if reason else ()
    return Call(method="DELETE", path=f"/api/dead-letters/{letter_id}", read=nothing, params=params)


def requeue_dead_letters(
    target: LetterFilter | Sequence[UUID],
    *,
    dry_run: bool = False,
    reason: str | None = None,
    per_second: float | None = None,
    delay_ms: int = 0,
) -> Call[views.BatchAnswer]:
    """Requeue by the ids of the jobs, or the oldest 10,000 open letters that match, with an answer for each.

    `per_second`: one after the other, the first after `delay_ms`; without it all at once.
    """
    return post(
        "/api/dead-letters/bulk/requeue",
        one(views.BatchAnswer),
        {**batch_body(target, dry_run, reason), **paced(per_second, delay_ms)},
    )


def discard_dead_letters(
    target: LetterFilter | Sequence[UUID], *, dry_run: bool = False, reason: str | None = None
) -> Call[views.BatchAnswer]:
    """Discard by the ids of the jobs, or the oldest 10,000 open letters that match, with an answer for each."""
    return post("/api/dead-letters/bulk/discard", one(views.BatchAnswer), batch_body(target, dry_run, reason))
