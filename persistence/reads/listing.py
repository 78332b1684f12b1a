"""Lists of jobs: filtered, sorted, continued by cursor, flat at 1,000,000 rows.

1. Rows in motion (queued, running) are few: they are found through their own small indexes and sorted on the spot.
2. All others are settled: an index on (created_at, id), or one on (status, sort key, id) read once per state, yields
   them in order, and the scan stops at the limit.
3. These parts are merged. That spares every dispatch and claim the upkeep of the list indexes (migration 0002).
4. When no index has what is wanted in the order that is wanted, nobody can tell beforehand whether it is better to look
   along the order or to gather and sort: PostgreSQL guesses as if conditions had nothing to do with each other, and does
   not know metadata. So the first RECENT rows of the order are looked through; if these do not fill the page, all that
   matches is gathered; and only if that is too much (`Shape.most`), the order is followed to the end of the page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run_sql
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.reads import cursors, list_statements
from aeon_jobs.persistence.reads.list_statements import CONDITIONS, RECENT, Shape, Sort

SORTS: tuple[Sort, ...] = ("created_at", "updated_at", "priority")
MAX_LIMIT = 200
MAX_OFFSET = 10_000
MAX_TOTAL = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which jobs; all conditions hold at once. Empty means all."""

    status: tuple[str, ...] = ()
    id_first: str | None = None
    """The smallest id, and below the largest: see `details.ends_of`."""
    id_last: str | None = None
    job_type: str | None = None
    queue_name: str | None = None
    created_by: str | None = None
    workflow_id: UUID | None = None
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
    after = position_of(cursor, identity, sort) if cursor else None
    rows = _rows(connection, which, sort, descending=descending, rows=limit + 1, offset=offset, after=after)
    has_more = len(rows) > limit
    rows = rows[:limit]
    last = rows[-1] if has_more else None
    return Page(rows, cursors.encode((last[sort], last["id"]), identity) if last else None)


def total(connection: Connection, which: Filter) -> int:
    """How many jobs match, counted no further than MAX_TOTAL + 1."""
    return count(connection, which, MAX_TOTAL + 1)


def count(connection: Connection, which: Filter, most: int, besides: Sequence[str] = ()) -> int:
    """How many jobs match, counted no further than `most`. `besides`: names of ASIDES that hold too."""
    values = values_of(which)
    statement = list_statements.count(Shape(which.status, (*values, *besides)))
    return int(run_sql(connection, statement, {**values, "most": most}).scalar_one())


def oldest(
    connection: Connection,
    which: Filter,
    limit: int,
    *,
    after: tuple[datetime, UUID] | None = None,
    besides: Sequence[str] = (),
) -> Sequence[Mapping[str, Any]]:
    """Rows of matching jobs, oldest first, from after a position (created_at, id) on: what a bulk change works on."""
    return _rows(connection, which, "created_at", descending=False, rows=limit, after=after, besides=besides)


def rows_after(
    connection: Connection, which: Filter, position: tuple[datetime, UUID], limit: int
) -> Sequence[Mapping[str, Any]]:
    """Rows that changed after `position` (updated_at, id), the oldest change first."""
    return _rows(connection, which, "updated_at", descending=False, rows=limit, after=position)


def _rows(
    connection: Connection,
    which: Filter,
    sort: Sort,
    *,
    descending: bool,
    rows: int,
    offset: int = 0,
    after: tuple[Any, UUID] | None = None,
    besides: Sequence[str] = (),
) -> list[dict[str, Any]]:
    values = values_of(which)
    shape = Shape(which.status, (*values, *besides), sort, descending, after is not None)
    values |= {"rows": rows, "offset": offset, "reach": rows + offset}
    if after:
        values |= {"after_key": after[0], "after_id": after[1]}
    if not shape.is_straight:
        found = _found(connection, list_statements.glance(shape), values) if rows + offset < RECENT else []
        if len(found) == rows:
            return found
        found = _found(connection, list_statements.gather(shape), {**values, "most": shape.most + 1})
        is_whole = (
            found[0]["gathered"] <= shape.most if found else _are_all(connection, which, besides, shape.most, offset)
        )
        if is_whole:
            return found
    return _found(connection, list_statements.walk(shape), values)


def _are_all(connection: Connection, which: Filter, besides: Sequence[str], most: int, offset: int) -> bool:
    """Whether nothing after `offset` means that there is nothing more. Beyond `most`, nothing was gathered."""
    return offset <= most or count(connection, which, most + 1, besides) <= most


def _found(connection: Connection, statement: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = run_sql(connection, statement, values)
    names = list(found.keys())
    return [dict(zip(names, row, strict=True)) for row in found]


def values_of(which: Filter) -> dict[str, Any]:
    """The parameters of the conditions that are given."""
    values = {name: getattr(which, name) for name in CONDITIONS if getattr(which, name) not in (None, {})}
    if "metadata" in values:
        values["metadata"] = json.dumps(values["metadata"])
    return values


def position_of(cursor: str, identity: object, sort: Sort) -> tuple[Any, UUID]:
    """
    Raises:
        InvalidJob: the cursor is not one of this list.
    """
    try:
        key, job_id = cursors.decode(cursor, identity)
        return (int(key) if sort == "priority" else datetime.fromisoformat(key)), UUID(job_id)
    except InvalidJob:
        raise
    except (ValueError, TypeError, AttributeError):
        raise InvalidJob.at("cursor", "is not a cursor of this API") from None
