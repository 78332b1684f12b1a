"""One change to many jobs at once, with an answer for each: some may be in another state by now, or gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection

from aeon_jobs.persistence.archive import ended
from aeon_jobs.persistence.archive.returning import bring_back
from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.statuses import JobStatus
from aeon_jobs.persistence.reads import listing
from aeon_jobs.persistence.reads.listing import Filter

MAX_BATCH = 10_000
Change = Literal["cancel", "requeue", "discard", "change"]
ItemOutcome = Literal["done", "requested", "wrong_state", "not_found"]

# What a change can be made to.
_ALLOWS: dict[Change, frozenset[str]] = {
    "cancel": frozenset({"pending", "queued", "running"}),
    "requeue": frozenset({"failed", "cancelled", "pending"}),
    "discard": frozenset({"failed"}),
    "change": frozenset({"pending"}),
}
# Of those states: what has to hold too, by its name in `list_statements`.
_BESIDES: dict[Change, tuple[str, ...]] = {
    "cancel": ("not_asked_to_stop",),
    "requeue": ("not_due",),
    "discard": (),
    "change": (),
}


@dataclass(frozen=True, slots=True)
class Item:
    """`requested`: the job runs, and was asked to stop."""

    job_id: UUID
    outcome: ItemOutcome
    status: str | None


def of_filter(connection: Connection, which: Filter, change: Change, *, is_paced: bool = False) -> list[UUID]:
    """The oldest MAX_BATCH + 1 jobs that match and that `change` can be made to.

    Those that it has been made to already are not among them: who asks again and again comes to an end. Hence a paced change
    leaves out what waits for its moment.
    """
    return [row["id"] for row in rows_of_filter(connection, which, change, MAX_BATCH + 1, is_paced=is_paced)]


def rows_of_filter(
    connection: Connection,
    which: Filter,
    change: Change,
    limit: int,
    *,
    after: tuple[datetime, UUID] | None = None,
    is_paced: bool = False,
) -> Sequence[Mapping[str, Any]]:
    """As `of_filter`: whole rows, of jobs that were created after `after` (created_at, id)."""
    allowed = _allowed(which, change, is_paced)
    if not allowed.status:
        return []
    return listing.oldest(connection, allowed, limit, after=after, besides=_BESIDES[change])


def count(connection: Connection, which: Filter, change: Change, most: int, *, is_paced: bool = False) -> int:
    """How many jobs `of_filter` would find without its limit, counted up to `most`."""
    allowed = _allowed(which, change, is_paced)
    return listing.count(connection, allowed, most, besides=_BESIDES[change]) if allowed.status else 0


def _allowed(which: Filter, change: Change, is_paced: bool) -> Filter:
    """With the states that allow the change; perhaps there is none."""
    states = _ALLOWS[change] - {"pending"} if is_paced else _ALLOWS[change]
    return replace(which, status=tuple(status for status in which.status or tuple(JobStatus) if status in states))


def cancel(connection: Connection, ids: Sequence[UUID], *, by: str, reason: str | None = None) -> list[Item]:
    """Cancel many jobs: at once those that wait, by request those that run."""
    changed = run(connection, "admin/cancel_many", {"ids": list(ids), "by": by, "reason": reason})
    return _items(connection, ids, {row.id: row.status for row in changed})


@dataclass(frozen=True, slots=True)
class Pace:
    """One job after another instead of all at the same time: what made them fail may fail again under load."""

    per_second: float
    delay_ms: float = 0
    """Before the first."""


def pace_of(per_second: float | None, delay_ms: float = 0) -> Pace | None:
    """None: all at once."""
    return None if per_second is None else Pace(per_second, delay_ms)


def requeue(connection: Connection, ids: Sequence[UUID], *, by: str, pace: Pace | None = None) -> list[Item]:
    """Requeue many failed or cancelled jobs; make scheduled jobs due now."""
    spread = {"per_second": pace and pace.per_second, "delay_ms": pace.delay_ms if pace else 0}
    bring_back(connection, [id_ for id_, status in archived_among(connection, ids).items() if status != "completed"])
    changed = run(connection, "admin/requeue_many", {"ids": list(ids), "by": by, **spread})
    return _items(connection, ids, {row.id: row.status for row in changed})


def discard(connection: Connection, ids: Sequence[UUID], *, by: str) -> list[Item]:
    """Close the open dead letters of many jobs."""
    changed = run(connection, "admin/discard_many", {"ids": list(ids), "by": by})
    return _items(connection, ids, {row.id: row.status for row in changed})


def change(
    connection: Connection, ids: Sequence[UUID], *, priority: int | None = None, scheduled_at: datetime | None = None
) -> list[Item]:
    """Give many pending jobs another priority, another moment, or both."""
    parameters = {"ids": list(ids), "priority": priority, "scheduled_at": scheduled_at}
    changed = run(connection, "admin/change_many", parameters)
    return _items(connection, ids, {row.id: row.status for row in changed})


def foretell(connection: Connection, ids: Sequence[UUID], change: Change) -> list[Item]:
    """What `change` would answer now; nothing is changed."""
    states = _states(connection, ids)
    return _items(connection, ids, {id_: state for id_, state in states.items() if state in _ALLOWS[change]})


def _items(connection: Connection, ids: Sequence[UUID], changed: dict[UUID, str]) -> list[Item]:
    others = _states(connection, [job_id for job_id in ids if job_id not in changed])
    return [_item(job_id, changed, others) for job_id in dict.fromkeys(ids)]


def _item(job_id: UUID, changed: dict[UUID, str], others: dict[UUID, str]) -> Item:
    if job_id in changed:
        status = changed[job_id]
        return Item(job_id, "requested" if status == "running" else "done", status)
    status_now = others.get(job_id)
    return Item(job_id, "wrong_state" if status_now else "not_found", status_now)


def archived_among(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Those that are in the archive, and their states."""
    live = {row.id for row in run(connection, "admin/states_of", {"ids": list(ids)})}
    return ended.states_of(connection, [job_id for job_id in ids if job_id not in live])


def _states(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, str]:
    if not ids:
        return {}
    found = {row.id: row.status for row in run(connection, "admin/states_of", {"ids": list(ids)})}
    return found | ended.states_of(connection, [job_id for job_id in ids if job_id not in found])
