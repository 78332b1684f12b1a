"""The audit log: who changed what, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aeon_jobs.api.contract import AuditEntry, AuditFilter
from aeon_jobs.api.dashboard.page import Ask, Page, link
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.api.service.core.validation import read as checked
from aeon_jobs.persistence.core.errors import InvalidJob

ROWS = 50
FIELDS = ("actor", "action", "subject_type", "subject_id", "after", "before")
_PAGES = {
    "job": "/jobs/{}",
    "dead_letter": "/dead-letters/{}",
    "schedule": "/schedules/{}",
    "workflow": "/workflows/{}",
    "bulk_change": "/bulk-changes/{}",
}


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """A page of what matches the address, newest first."""
    given: dict[str, Any] = {name: ask.get(name) or None for name in FIELDS}
    try:
        which = checked(AuditFilter, {**given, "archived": ask.get("archived") == "1"})
        page = jobs.audit_page(which, limit=ROWS, cursor=ask.get("cursor") or None)
    except InvalidJob as error:
        return {"page": None, "rows": [], "errors": error.violations}
    return {"page": page, "rows": [(entry, _address(entry)) for entry in page.items], "errors": []}


def _address(entry: AuditEntry) -> str | None:
    """The page of what was changed."""
    if entry.subject_type == "queue":
        return link("/queues", {"name": entry.subject_id})
    pattern = _PAGES.get(entry.subject_type)
    return link(pattern.format(entry.subject_id)) if pattern else None


listing = Page(path="/audit", title="Audit log", template="audit.html", read=read, role=Role.ADMIN, menu=True)
pages = [listing]
actions: list[Any] = []
