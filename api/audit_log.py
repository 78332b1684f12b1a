"""/api/audit-log: who changed what, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Router, get
from litestar.params import QueryParameter

from aeon_jobs.api.callers import Role
from aeon_jobs.api.queries import Cursor, Limit, Moment, moment_in
from aeon_jobs.api.services import Given
from aeon_jobs.persistence.reads.audit_list import EntryFilter, entries

_Text = Annotated[str | None, QueryParameter(min_length=1, max_length=255)]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    at: datetime
    actor: str
    action: str
    subject_type: str
    subject_id: str
    before: Any
    after: Any
    reason: str | None
    request_id: str | None


class EntryList(msgspec.Struct, frozen=True):
    items: list[Entry]
    next_cursor: str | None


@get("/", opt={"role": Role.ADMIN}, sync_to_thread=True, summary="The audit log")
def index(
    services: Given,
    actor: _Text = None,
    action: _Text = None,
    subject_type: _Text = None,
    subject_id: _Text = None,
    after: Moment = None,
    before: Moment = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> EntryList:
    """Newest first. `after` is inclusive, `before` is not."""
    which = EntryFilter(
        actor=actor,
        action=action,
        subject_type=subject_type,
        subject_id=subject_id,
        after=moment_in("after", after),
        before=moment_in("before", before),
    )
    with services.database.connection() as connection:
        page = entries(connection, which, limit=limit, cursor=cursor)
    return EntryList([Entry(**row) for row in page.rows], page.next_cursor)


router = Router("/api/audit-log", route_handlers=[index], tags=["Audit log"])
