"""Calls about bulk changes: of everything that matches a filter."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aeon_jobs.api import contract
from aeon_jobs.api.client.bodies import body
from aeon_jobs.api.client.operations import BULK_EXTRA_S, Operation, get
from aeon_jobs.api.client.parsing import listed, one
from aeon_jobs.api.contract import BulkAction, DeadLetterFilter, JobFilter


def start_bulk_change(
    action: BulkAction,
    which: JobFilter | DeadLetterFilter,
    *,
    reason: str | None = None,
    priority: int | None = None,
    scheduled_at: datetime | None = None,
    per_second: float | None = None,
) -> Operation[contract.BulkChange]:
    """Change everything that matches, in the background: `cancel`, `retry` or `change` jobs, `requeue` or `discard` dead
    letters.
    """
    options = {"reason": reason, **_options(priority, scheduled_at, per_second)}
    request = _request(action, which, options)
    return Operation(
        method="POST", path="/api/bulk-changes", read=one(contract.BulkChange), body=request, extra_s=BULK_EXTRA_S
    )


def count_bulk_change(
    action: BulkAction,
    which: JobFilter | DeadLetterFilter,
    *,
    priority: int | None = None,
    scheduled_at: datetime | None = None,
    per_second: float | None = None,
) -> Operation[contract.BulkCount]:
    """How many jobs a bulk change would change now."""
    request = _request(action, which, _options(priority, scheduled_at, per_second))
    return Operation(
        method="POST",
        path="/api/bulk-changes/count",
        read=one(contract.BulkCount),
        body=request,
        repeatable=True,
        extra_s=BULK_EXTRA_S,
    )


def bulk_changes(*, before: int | None = None, limit: int = 50) -> Operation[list[contract.BulkChange]]:
    """Bulk changes, newest first; those with a smaller number than `before`."""
    return get("/api/bulk-changes", listed(contract.BulkChange), before=before, limit=limit)


def bulk_change(change_id: int) -> Operation[contract.BulkChange]:
    """A bulk change and its progress."""
    return get(f"/api/bulk-changes/{change_id}", one(contract.BulkChange))


def stop_bulk_change(change_id: int) -> Operation[contract.BulkChange]:
    """What it has changed stays so, the rest is left alone. One that is over stays as it is."""
    return Operation(method="DELETE", path=f"/api/bulk-changes/{change_id}", read=one(contract.BulkChange))


def _request(action: str, which: JobFilter | DeadLetterFilter, options: dict[str, Any]) -> dict[str, Any]:
    name = "filter" if isinstance(which, JobFilter) else "dead_letters"
    given = {key: value for key, value in options.items() if value is not None}
    return {"action": action, name: body(which), **given}


def _options(priority: int | None, scheduled_at: datetime | None, per_second: float | None) -> dict[str, Any]:
    moment = scheduled_at and scheduled_at.isoformat()
    return {"priority": priority, "scheduled_at": moment, "per_second": per_second}
