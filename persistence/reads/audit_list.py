"""The audit log as a list, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, DateTime, MetaData, String, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from aeon_jobs.persistence.reads.id_lists import IdPage, page

_COLUMNS = (
    Column("id", BigInteger),
    Column("at", DateTime(timezone=True)),
    Column("actor", String),
    Column("action", String),
    Column("subject_type", String),
    Column("subject_id", String),
    Column("before", JSONB),
    Column("after", JSONB),
    Column("reason", Text),
    Column("request_id", String),
)
_LOG = Table("job_audit_log", MetaData(), *_COLUMNS)
_ARCHIVE = Table(
    "job_audit_archive",
    MetaData(),
    *(Column(column.name, column.type) for column in _COLUMNS),
    Column("archived_at", DateTime(timezone=True)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Which entries; all conditions hold at once."""

    actor: str | None = None
    action: str | None = None
    subject_type: str | None = None
    subject_id: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    archived: bool = False
    """Of the archive instead."""


def entries(connection: Connection, which: EntryFilter, *, limit: int = 50, cursor: str | None = None) -> IdPage:
    """
    Raises:
        InvalidJob: the cursor is not one of this list.
    """
    table = _ARCHIVE if which.archived else _LOG
    return page(connection, table, _conditions(which, table), of_list=("audit", which), limit=limit, cursor=cursor)


def _conditions(which: EntryFilter, table: Table) -> list[ColumnElement[bool]]:
    names = ("actor", "action", "subject_type", "subject_id")
    conditions: list[ColumnElement[bool]] = [
        table.c[name] == value for name in names if (value := getattr(which, name)) is not None
    ]
    if which.after is not None:
        conditions.append(table.c.at >= which.after)
    if which.before is not None:
        conditions.append(table.c.at < which.before)
    return conditions
