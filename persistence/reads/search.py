"""Jobs by what is in their payloads. No index has that: each page looks at so many jobs in the order of the list, and says
where it stopped. So a search of a large table is many small statements.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run_sql
from aeon_jobs.persistence.reads import cursors, list_statements, listing
from aeon_jobs.persistence.reads.list_statements import Shape, Sort
from aeon_jobs.persistence.reads.listing import Filter

LOOKED_AT = 10_000
"""Jobs that one page looks at, at most: those that match the other conditions, if an index has them in that order."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    rows: list[dict[str, Any]]
    next_cursor: str | None
    is_cut_off: bool
    """LOOKED_AT came before the end of the page: the cursor goes on with the jobs after them."""


def page(
    connection: Connection,
    which: Filter,
    payload: Mapping[str, Any],
    *,
    sort: Sort = "created_at",
    descending: bool = True,
    limit: int = 50,
    cursor: str | None = None,
    looked_at: int | None = None,
) -> SearchPage:
    """Jobs that match, and whose payloads contain `payload`. `looked_at`: at most so many; LOOKED_AT by default.

    Raises:
        InvalidJob: the cursor is not one of this list.
    """
    most = looked_at or LOOKED_AT
    identity = (which, json.dumps(payload, sort_keys=True), sort, descending)
    values = listing.values_of(which)
    shape = Shape(which.status, tuple(values), sort, descending, cursor is not None)
    if cursor:
        values["after_key"], values["after_id"] = listing.position_of(cursor, identity, sort)
    values |= {"payload": json.dumps(payload), "rows": limit + 1, "most": most}
    rows = [dict(row) for row in run_sql(connection, list_statements.search(shape), values).mappings()]
    end = rows[0]["looked_at"], rows[0]["last_key"], rows[0]["last_id"]
    found = [_without(row, "key", "looked_at", "last_key", "last_id") for row in rows if row["id"] is not None]
    if len(found) > limit:
        last = found[limit - 1]
        return SearchPage(found[:limit], cursors.encode((last[sort], last["id"]), identity), is_cut_off=False)
    if end[0] < most:
        return SearchPage(found, None, is_cut_off=False)
    return SearchPage(found, cursors.encode((end[1], end[2]), identity), is_cut_off=True)


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
