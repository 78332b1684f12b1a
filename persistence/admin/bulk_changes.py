"""Changes of everything that matches a filter, however much that is.

1. `begin` stores the change and how much matches. What is created later is left alone.
2. `go_on` takes the change that waits longest, locks its row, changes the next PORTION of what matches, and notes how far it
   is: one transaction. A process that dies leaves a whole number of portions, and any other goes on.
3. The process that was asked begins; the dispatchers do the rest (`middleware.dispatch.upkeep`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from aeon_jobs.persistence.admin import audit, bulk
from aeon_jobs.persistence.admin.bulk import Change, Item, Pace
from aeon_jobs.persistence.core.database import Database, is_transient, run
from aeon_jobs.persistence.reads import dead_letter_lists
from aeon_jobs.persistence.reads.dead_letter_lists import DeadLetterFilter
from aeon_jobs.persistence.reads.listing import Filter

Action = Literal["cancel", "retry", "change", "requeue", "discard"]
Which = Filter | DeadLetterFilter
PORTION = 500
"""Jobs of one transaction: few enough that nobody waits long for their locks."""
LOCK_MS = 500
"""Most time that it waits for a job that somebody else has locked. Then the portion is made later."""
MOST_COUNTED = 1_000_000
_CHANGES: Mapping[Action, Change] = {"cancel": "cancel", "retry": "requeue", "change": "change"}
_MOMENTS = ("created_after", "created_before", "updated_after", "updated_before")


@dataclass(frozen=True, slots=True)
class BulkChange:
    """A row of job_bulk_changes."""

    id: int
    action: Action
    filter: Mapping[str, Any]
    options: Mapping[str, Any]
    reason: str | None
    matched: int
    looked_at: int
    changed: int
    position: Mapping[str, Any] | None
    created_by: str
    created_at: datetime
    moved_at: datetime
    finished_at: datetime | None
    stopped_by: str | None
    error: str | None

    @property
    def which(self) -> Which:
        if self.action in _CHANGES:
            moments = {name: datetime.fromisoformat(self.filter[name]) for name in _MOMENTS if name in self.filter}
            status = tuple(self.filter.get("status", ()))
            return Filter(**{**self.filter, **moments, "status": status})
        return DeadLetterFilter(**self.filter)


def count(connection: Connection, action: Action, which: Which, options: Mapping[str, Any]) -> int:
    """How many `action` would change now, counted up to MOST_COUNTED + 1."""
    if isinstance(which, DeadLetterFilter):
        return dead_letter_lists.count(connection, which, MOST_COUNTED + 1)
    return bulk.count(connection, which, _CHANGES[action], MOST_COUNTED + 1, is_paced="per_second" in options)


def begin(
    connection: Connection,
    action: Action,
    which: Which,
    options: Mapping[str, Any],
    *,
    by: str,
    reason: str | None,
    keep_days: int = 0,
) -> BulkChange:
    """Store it; `go_on` does it. Those that ended more than `keep_days` ago are deleted; 0: none is."""
    if keep_days:
        run(connection, "admin/forget_bulk_changes", {"days": keep_days})
    given = {name: value for name, value in asdict(which).items() if value not in (None, (), {}, False)}
    given.pop("open", None)
    values = {"filter": json.dumps(given, default=_text), "options": json.dumps(options, default=_text)}
    matched = min(count(connection, action, which, options), MOST_COUNTED)
    row = run(
        connection,
        "admin/begin_bulk_change",
        {"action": action, **values, "reason": reason, "matched": matched, "by": by},
    ).one()
    return _of(row)


def get(connection: Connection, change_id: int) -> BulkChange | None:
    row = run(connection, "admin/find_bulk_change", {"id": change_id}).one_or_none()
    return None if row is None else _of(row)


def newest(connection: Connection, *, before: int | None = None, limit: int = 50) -> list[BulkChange]:
    """Newest first; those with a smaller id than `before`."""
    rows = run(connection, "admin/list_bulk_changes", {"before": before or 2**63 - 1, "limit": limit})
    return [_of(row) for row in rows]


def stop(connection: Connection, change_id: int, *, by: str) -> BulkChange | None:
    """What is changed stays so; the rest is left alone. One that is over stays as it is."""
    row = run(connection, "admin/stop_bulk_change", {"id": change_id, "by": by}).one_or_none()
    return get(connection, change_id) if row is None else _of(row)


def go_on(database: Database, limit_s: float, change_id: int | None = None) -> bool:
    """Work for `limit_s` seconds (one portion at least) on all open changes in turn, or on one. Returns whether any is left
    that this process could work on."""
    ends = time.monotonic() + limit_s
    while True:
        try:
            is_left = _portion(database, change_id)
        except DBAPIError as error:
            if not is_transient(error):
                raise
            return True  # a deadlock, or PostgreSQL is away: the next call goes on
        if not is_left or time.monotonic() >= ends:
            return is_left


def _portion(database: Database, change_id: int | None) -> bool:
    with database.transaction() as connection:
        connection = connection.execution_options(job_lock_ms=LOCK_MS)
        row = run(connection, "admin/take_bulk_change", {"id": change_id}).one_or_none()
        if row is None:
            return False
        values = dict(row._mapping)
        age_ms = float(values.pop("age_ms"))
        change = BulkChange(**values)
        try:
            with connection.begin_nested():
                _do(connection, change, age_ms)
        except DBAPIError as error:
            if is_transient(error):
                raise
            _fail(connection, change, error)
        except Exception as error:  # noqa: BLE001 (it would fail in the same way for ever)
            _fail(connection, change, error)
        return True


def _fail(connection: Connection, change: BulkChange, error: Exception) -> None:
    run(connection, "admin/fail_bulk_change", {"id": change.id, "error": f"{type(error).__name__}: {error}"})


def _do(connection: Connection, change: BulkChange, age_ms: float) -> None:
    ids, position = _next(connection, change)
    items = _changed(connection, change, ids, age_ms) if ids else []
    changed = [item.job_id for item in items if item.outcome in {"done", "requested"}]
    moved = {"looked_at": len(ids), "changed": len(changed), "is_last": len(ids) < PORTION}
    run(
        connection,
        "admin/move_bulk_change",
        {"id": change.id, **moved, "position": json.dumps(position, default=_text) if position else None},
    )
    if changed:
        audit.record(
            connection,
            actor=change.created_by,
            action=f"{_subject(change)}.{change.action}",
            subject=(_subject(change), f"{len(changed)} jobs"),
            after={"bulk_change": change.id, "changed": len(changed), "ids": changed},
            reason=change.reason,
        )


def _subject(change: BulkChange) -> str:
    return "jobs" if change.action in _CHANGES else "dead_letters"


def _next(connection: Connection, change: BulkChange) -> tuple[list[UUID], Mapping[str, Any] | None]:
    """The next portion, and where it ends."""
    which, position = change.which, change.position
    if isinstance(which, DeadLetterFilter):
        last_id = position["id"] if position else 0
        found = dead_letter_lists.after(connection, which, last_id, PORTION, created_before=change.created_at)
        return [job_id for _, job_id in found], {"id": found[-1][0]} if found else None
    before = min(which.created_before or change.created_at, change.created_at)
    after = (datetime.fromisoformat(position["created_at"]), UUID(position["id"])) if position else None
    rows = bulk.rows_of_filter(
        connection,
        replace(which, created_before=before),
        _CHANGES[change.action],
        PORTION,
        after=after,
        is_paced="per_second" in change.options,
    )
    last = {"created_at": rows[-1]["created_at"], "id": rows[-1]["id"]} if rows else None
    return [row["id"] for row in rows], last


def _changed(connection: Connection, change: BulkChange, ids: Sequence[UUID], age_ms: float) -> list[Item]:
    by, options = change.created_by, change.options
    match change.action:
        case "cancel":
            return bulk.cancel(connection, ids, by=by, reason=change.reason)
        case "change":
            return bulk.change(connection, ids, **options)
        case "discard":
            return bulk.discard(connection, ids, by=by)
    return bulk.requeue(connection, ids, by=by, pace=_pace(change, age_ms))


def _pace(change: BulkChange, age_ms: float) -> Pace | None:
    """Counted from the beginning of the change, over all of its portions."""
    if (per_second := change.options.get("per_second")) is None:
        return None
    return Pace(per_second, max(0.0, change.looked_at * 1_000 / per_second - age_ms))


def _of(row: Any) -> BulkChange:
    return BulkChange(**{field.name: row._mapping[field.name] for field in fields(BulkChange)})


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
