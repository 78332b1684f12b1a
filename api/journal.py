"""One line per change for the audit log, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from aeon_jobs.api.body import ApiRequest
from aeon_jobs.persistence.admin import audit


def note(
    connection: Connection,
    request: ApiRequest,
    action: str,
    subject: tuple[str, object],
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """Note that the caller of `request` did `action` (``job.cancel``) to `subject` (``("job", id)``)."""
    audit.record(
        connection,
        actor=request.user.name,
        action=action,
        subject=subject,
        before=before,
        after=after,
        reason=reason,
        request_id=request.scope["state"]["request_id"],
    )
