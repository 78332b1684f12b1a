"""Who changed what, from what to what, and why. Written in the transaction of the change: both are there, or
none.

Submissions are not in here: a job's own row says who made it and when.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run


def record(
    connection: Connection,
    *,
    actor: str,
    action: str,
    subject: tuple[str, object],
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str | None = None,
    request_id: str | None = None,
) -> None:
    """Note that `actor` did `action` (``job.cancel``) to `subject` (``("job", id)``)."""
    run(
        connection,
        "admin/insert_audit_entry",
        {
            "actor": actor,
            "action": action,
            "subject_type": subject[0],
            "subject_id": str(subject[1])[:255],
            "before": _json(before),
            "after": _json(after),
            "reason": reason,
            "request_id": request_id,
        },
    )


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value, default=str)
