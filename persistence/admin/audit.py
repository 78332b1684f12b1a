"""Who changed what, from what to what, and why. Written in the transaction of the change: both are there, or
none.

Submissions are not in here: a job's own row says who made it and when.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aeon_jobs.persistence.core.database import run

if TYPE_CHECKING:
    from sqlalchemy import Connection


def python_name() -> str:
    """Who acts in Python code that gives no name: ``python:`` and the login of the process."""
    return f"python:{login()}"


def login() -> str:
    """Whose process this is."""
    try:
        return getpass.getuser()[:100]
    except (KeyError, OSError):  # a container's user need not have a name
        return str(os.getuid())


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
