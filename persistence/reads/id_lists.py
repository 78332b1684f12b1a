"""Lists of rows with ascending ids, newest first: dead letters, the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select, text

from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.reads import cursors


@dataclass(frozen=True, slots=True)
class IdPage:
    rows: list[Mapping[str, Any]]
    next_cursor: str | None


def page(
    connection: Connection,
    table: Table,
    conditions: Sequence[ColumnElement[bool]],
    *,
    of_list: object,
    limit: int = 50,
    cursor: str | None = None,
) -> IdPage:
    """The rows of `table` after `cursor`. `of_list` is what the cursor belongs to: name and filters of the list.

    Raises:
        InvalidJob: the cursor is not one of this list.
    """
    number = table.c.id
    where = [*conditions, number < _position(cursor, of_list)] if cursor else conditions
    wanted = select(text("*")).select_from(table).where(*where).order_by(number.desc()).limit(limit + 1)
    rows: list[Mapping[str, Any]] = [dict(row) for row in connection.execute(wanted).mappings()]
    more = len(rows) > limit
    return IdPage(rows[:limit], cursors.encode((rows[limit - 1]["id"],), of_list) if more else None)


def _position(cursor: str, of_list: object) -> int:
    position = cursors.decode(cursor, of_list)
    if len(position) != 1 or type(position[0]) is not int:
        raise InvalidJob.at("cursor", "is not a cursor of this API")
    return position[0]
