"""Dead letters as lists: newest first, by what they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Connection, MetaData, Table, func, select, text

from aeon_jobs.persistence.core.errors import JobsError
from aeon_jobs.persistence.reads import id_lists
from aeon_jobs.persistence.reads.id_lists import IdPage

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.models import DeadLetterJob

_CONDITIONS = ("job_type", "queue_name", "reason", "error_type", "fingerprint")
_ASKED_FOR = ("id", "job_id", "created_at", "resolved_at", *_CONDITIONS)
_TABLE, _ARCHIVE = (
    Table(name, MetaData(), *map(Column, _ASKED_FOR)) for name in ("dead_letter_jobs", "job_dead_letter_archive")
)


class DeadLetterNotFound(JobsError, LookupError):
    def __init__(self, dead_letter_id: int) -> None:
        super().__init__(f"no dead letter with id {dead_letter_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterFilter:
    """Which dead letters; all conditions must hold."""

    open: bool | None = True
    """True: open. False: requeued or discarded. None: all."""
    job_type: str | None = None
    queue_name: str | None = None
    reason: str | None = None
    error_type: str | None = None
    fingerprint: str | None = None
    """Failures of the same cause share it."""
    archived: bool = False
    """Of the archive instead, where all are resolved."""


def page(connection: Connection, which: DeadLetterFilter, *, limit: int = 50, cursor: str | None = None) -> IdPage:
    """
    Raises:
        InvalidJob: the cursor is not one of this list.
    """
    table = _ARCHIVE if which.archived else _TABLE
    return id_lists.page(
        connection, table, _conditions(which, table), of_list=("dead letters", which), limit=limit, cursor=cursor
    )


def get(connection: Connection, dead_letter_id: int) -> tuple[DeadLetterJob, datetime | None]:
    """A dead letter, and when it was archived.

    Raises:
        DeadLetterNotFound
    """
    for table in (_TABLE, _ARCHIVE):
        wanted = select(text("*")).select_from(table).where(table.c.id == dead_letter_id)
        if (row := connection.execute(wanted).one_or_none()) is not None:
            return cast("DeadLetterJob", row), row._mapping.get("archived_at")
    raise DeadLetterNotFound(dead_letter_id)


def job_ids(connection: Connection, which: DeadLetterFilter, limit: int) -> list[UUID]:
    """The jobs of open dead letters, oldest first: what a bulk action works on."""
    where = [*_conditions(which), _TABLE.c.job_id.is_not(None)]
    rows = connection.execute(select(_TABLE.c.job_id).where(*where).order_by(_TABLE.c.id).limit(limit))
    return list(rows.scalars())


def count(connection: Connection, which: DeadLetterFilter, most: int) -> int:
    """How many open dead letters of jobs match, counted no further than `most`."""
    found = select(_TABLE.c.id).where(*_conditions(which), _TABLE.c.job_id.is_not(None)).limit(most)
    return int(connection.execute(select(func.count()).select_from(found.subquery())).scalar_one())


def after(
    connection: Connection, which: DeadLetterFilter, last_id: int, limit: int, *, created_before: datetime
) -> list[tuple[int, UUID]]:
    """Ids and jobs of matching dead letters after `last_id`, oldest first: what a bulk change works on."""
    where = [*_conditions(which), _TABLE.c.job_id.is_not(None), _TABLE.c.id > last_id]
    statement = select(_TABLE.c.id, _TABLE.c.job_id).where(*where, _TABLE.c.created_at < created_before)
    return [(row.id, row.job_id) for row in connection.execute(statement.order_by(_TABLE.c.id).limit(limit))]


def _conditions(which: DeadLetterFilter, table: Table = _TABLE) -> list[ColumnElement[bool]]:
    given: dict[str, Any] = {name: getattr(which, name) for name in _CONDITIONS}
    conditions: list[ColumnElement[bool]] = [
        table.c[name] == value for name, value in given.items() if value is not None
    ]
    if which.open is not None and not which.archived:
        resolved = table.c.resolved_at
        conditions.append(resolved.is_(None) if which.open else resolved.is_not(None))
    return conditions
