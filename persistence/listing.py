"""Lists of jobs: filtered, sorted, continued by cursor, flat at 1,000,000 rows.

1. Rows in motion (queued, running) are few: they are found through their own small indexes and sorted on the spot.
2. All others are settled: an index on (created_at, id), or one on (status, sort key, id) read once per state, yields
   them in order, and the scan stops at the limit.
3. These parts are merged. That spares every dispatch and claim the upkeep of the list indexes (migration 0002).
4. PostgreSQL cannot tell how rare a metadata value is. So the newest RECENT rows are looked through first; only when
   the value turns out to be rare there, its own index is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Table,
    and_,
    func,
    literal,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB

from persistence import cursors
from persistence.errors import InvalidJob
from persistence.models import Job, JobStatus

Sort = Literal["created_at", "updated_at", "priority"]
SORTS: tuple[Sort, ...] = ("created_at", "updated_at", "priority")
MAX_LIMIT = 200
MAX_OFFSET = 10_000
MAX_TOTAL = 10_000
RECENT = 4_000
IN_MOTION = ("queued", "running")

_JOBS: Table = Job.__table__  # type: ignore[attr-defined]
_UNLISTED = {"seq", "payload", "result", "ready", "has_dependents", "dispatch_seq", "traceparent", "tracestate"}
_COLUMNS = [column for column in _JOBS.c if column.name not in _UNLISTED]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which jobs; all conditions hold at once. Empty means all."""

    status: tuple[str, ...] = ()
    job_type: str | None = None
    queue_name: str | None = None
    created_by: str | None = None
    created_after: datetime | None = None
    """Inclusive."""
    created_before: datetime | None = None
    """Exclusive."""
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    """Jobs whose metadata contain this."""


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[dict[str, Any]]
    """Rows of jobs without payload and result."""
    next_cursor: str | None


def page(
    connection: Connection,
    which: Filter,
    *,
    sort: Sort = "created_at",
    descending: bool = True,
    limit: int = 50,
    cursor: str | None = None,
    offset: int = 0,
) -> Page:
    """A page of jobs.

    Raises:
        InvalidJob: the cursor is not one of this list.
    """
    identity = (which, sort, descending)
    after = _position(cursor, identity, sort) if cursor else None
    request = _Request(which, sort, descending, limit + 1, offset, after)
    rows = [dict(row) for row in _rows(connection, request)]
    has_more = len(rows) > limit
    rows = rows[:limit]
    last = rows[-1] if has_more else None
    return Page(rows, cursors.encode((last[sort], last["id"]), identity) if last else None)


def total(connection: Connection, which: Filter) -> int:
    """How many jobs match, counted no further than MAX_TOTAL + 1."""
    matching = [
        select(_JOBS.c.id).where(where, *_conditions(which)).limit(MAX_TOTAL + 1)
        for where in _parts(which, "created_at")
    ]
    return min(
        MAX_TOTAL + 1,
        sum(connection.execute(select(func.count()).select_from(part.subquery())).scalar_one() for part in matching),
    )


def ids(connection: Connection, which: Filter, limit: int) -> list[UUID]:
    """Ids of matching jobs, oldest first: what a bulk action works on."""
    rows = _rows(connection, _Request(which, "created_at", False, limit, 0, None))
    return [row["id"] for row in rows]


def rows_after(
    connection: Connection, which: Filter, position: tuple[datetime, UUID], limit: int
) -> Sequence[Mapping[str, Any]]:
    """Rows that changed after `position` (updated_at, id), the oldest change first."""
    found = connection.execute(query(_Request(which, "updated_at", False, limit, 0, position))).mappings()
    return [dict(row) for row in found]


@dataclass(frozen=True, slots=True)
class _Request:
    which: Filter
    sort: Sort
    descending: bool
    rows: int
    offset: int
    after: tuple[Any, UUID] | None


def _position(cursor: str, identity: object, sort: Sort) -> tuple[Any, UUID]:
    try:
        key, job_id = cursors.decode(cursor, identity)
        return (int(key) if sort == "priority" else datetime.fromisoformat(key)), UUID(job_id)
    except InvalidJob:
        raise
    except (ValueError, TypeError, AttributeError):
        raise InvalidJob.at("cursor", "is not a cursor of this API") from None


def _rows(connection: Connection, request: _Request) -> Sequence[Any]:
    if not request.which.metadata:
        return connection.execute(query(request)).mappings().all()
    found = connection.execute(recent_query(request)).mappings().all()
    return found if len(found) == request.rows else connection.execute(query(request)).mappings().all()


def query(request: _Request) -> Select[Any]:
    """The statement of a request."""
    conditions = _conditions(request.which)
    merged = _merged(request, conditions, request.rows + request.offset)
    return select(merged).order_by(*_order(merged, request)).limit(request.rows).offset(request.offset or None)


def recent_query(request: _Request) -> Select[Any]:
    """The same, looking at the first RECENT rows of the order only: enough if it fills the page."""
    merged = _merged(request, [], RECENT)
    window = select(merged).order_by(*_order(merged, request)).limit(RECENT).subquery("recent")
    return (
        select(window)
        .where(*_conditions(request.which, window))
        .order_by(*_order(window, request))
        .limit(request.rows)
        .offset(request.offset or None)
    )


def _merged(request: _Request, conditions: list[ColumnElement[bool]], limit: int) -> Subquery:
    parts = _parts(request.which, request.sort)
    return union_all(*(_part(request, [part, *conditions], limit) for part in parts)).subquery("merged")


def _parts(which: Filter, sort: Sort) -> list[ColumnElement[bool]]:
    """Disjoint sets of rows, each of which some index holds in the order of `sort`, as far as they are wanted."""
    wanted = which.status or tuple(JobStatus)
    settled = [status for status in wanted if status not in IN_MOTION]
    moving = [_JOBS.c.status == status for status in wanted if status in IN_MOTION]
    if not settled:
        return [*moving]
    settled_rows = _JOBS.c.status.notin_(IN_MOTION)
    if sort == "created_at":
        return [settled_rows, *moving]
    return [*(and_(settled_rows, _JOBS.c.status == status) for status in settled), *moving]


def _part(request: _Request, conditions: list[ColumnElement[bool]], limit: int) -> Select[Any]:
    rows = select(*_COLUMNS).where(*conditions)
    if request.after:
        key, job_id = request.after
        here = tuple_(_JOBS.c[request.sort], _JOBS.c.id)
        there = tuple_(literal(key, _JOBS.c[request.sort].type), literal(job_id, _JOBS.c.id.type))
        rows = rows.where(here < there if request.descending else here > there)
    # A branch of a union may have its own ORDER BY and LIMIT only as a subquery.
    return select(rows.order_by(*_order(_JOBS, request)).limit(limit).subquery())


def _order(table: Table | Subquery, request: _Request) -> list[ColumnElement[Any]]:
    columns = [table.c[request.sort], table.c.id]
    return [column.desc() if request.descending else column.asc() for column in columns]


def _conditions(which: Filter, table: Table | Subquery = _JOBS) -> list[ColumnElement[bool]]:
    c = table.c
    conditions: list[ColumnElement[bool]] = [
        c[name] == value
        for name in ("job_type", "queue_name", "created_by")
        if (value := getattr(which, name)) is not None
    ]
    if which.status:
        one = len(which.status) == 1
        conditions.append(c.status == which.status[0] if one else c.status.in_(which.status))
    for moment in ("created", "updated"):
        column = c[f"{moment}_at"]
        if (after := getattr(which, f"{moment}_after")) is not None:
            conditions.append(column >= after)
        if (before := getattr(which, f"{moment}_before")) is not None:
            conditions.append(column < before)
    if which.metadata:
        conditions += [c.metadata != literal({}, JSONB), c.metadata.contains(which.metadata)]
    return conditions
