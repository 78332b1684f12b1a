"""/api/audit-log: who changed what, and why."""

from __future__ import annotations

from litestar import Router, get

from aeon_jobs.api.contract import AuditEntry, AuditFilter, Page
from aeon_jobs.api.http.parameters import Archived, Cursor, Limit, Moment, Text, moment
from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.api.service.core.validation import read


@get("/", opt={"role": Role.ADMIN}, sync_to_thread=True, summary="The audit log")
def index(
    jobs: Given,
    actor: Text = None,
    action: Text = None,
    subject_type: Text = None,
    subject_id: Text = None,
    after: Moment = None,
    before: Moment = None,
    archived: Archived = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AuditEntry]:
    """Newest first. `after` is inclusive, `before` is not."""
    given = {
        "actor": actor,
        "action": action,
        "subject_type": subject_type,
        "subject_id": subject_id,
        "after": moment(after),
        "before": moment(before),
        "archived": archived,
    }
    return jobs.audit_page(read(AuditFilter, given), limit=limit, cursor=cursor)


router = Router("/api/audit-log", route_handlers=[index], tags=["Audit log"])
