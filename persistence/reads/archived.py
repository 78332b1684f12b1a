"""Archived jobs: one with its history, and lists. These statements read the archive alone; those of the live jobs never do.

Lists are in the order of created_at. A condition on it also leaves out months: nothing is archived before it is created.
For metadata, all that matches is gathered by its index, if that is not too much; everything else walks along the order.
"""

# ruff: noqa: S608 - the pieces are constants of this module

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run, run_sql
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.reads import cursors
from aeon_jobs.persistence.reads.listing import MAX_TOTAL, Filter, Page

GATHERED = 5_000
_COLUMNS = (
    "a.id, a.job_type, a.queue_name, a.status::text AS status, a.priority, r.error_message, r.retry_count, r.max_retries,"
    " r.timeout_ms, r.scheduled_at, r.started_at, a.completed_at, a.created_at, a.updated_at, a.created_by, a.metadata,"
    " r.blocked_by, r.attempt, r.worker_id, a.progress, r.cancel_requested_at, r.cancel_requested_by, r.cancel_reason,"
    " r.schedule_id, r.workflow_id, r.step_name, a.archived_at"
)
_CONDITIONS = {
    "id_first": "id >= CAST(:id_first AS uuid)",
    "id_last": "id <= CAST(:id_last AS uuid)",
    "job_type": "job_type = :job_type",
    "queue_name": "queue_name = :queue_name",
    "created_by": "created_by = :created_by",
    "created_after": "created_at >= :created_after AND archived_at >= :created_after",
    "created_before": "created_at < :created_before",
    "updated_after": "updated_at >= :updated_after AND archived_at >= :updated_after",
    "updated_before": "updated_at < :updated_before",
    "metadata": "metadata <> '{}' AND metadata @> CAST(:metadata AS jsonb)",
}
_SETTINGS = "SET LOCAL enable_seqscan = off;\nSET LOCAL jit = off;\n"


def of_job(connection: Connection, job_id: UUID) -> dict[str, Any] | None:
    """As `details.of_job`, with `archived_at`; None if it is not in the archive."""
    found = run(connection, "reads/archived_detail", {"id": job_id}).mappings().one_or_none()
    return dict(found) if found else None


def between(connection: Connection, first: str, last: str, limit: int) -> list[dict[str, Any]]:
    """Archived jobs with ids from `first` to `last`, newest first; columns as in lists."""
    where = "id BETWEEN CAST(:first AS uuid) AND CAST(:last AS uuid)"
    chosen = f"SELECT id, archived_at FROM job_archive WHERE {where} ORDER BY id DESC LIMIT :rows"
    return _rows(connection, _shown(chosen, "a.id DESC"), {"first": first, "last": last, "rows": limit})


def page(
    connection: Connection,
    which: Filter,
    *,
    descending: bool = True,
    limit: int = 50,
    cursor: str | None = None,
    offset: int = 0,
) -> Page:
    """A page of archived jobs, by created_at.

    Raises:
        InvalidJob: the cursor is not one of this list.
    """
    identity = ("archived", which, descending)
    conditions, values = _conditions(which)
    if cursor:
        conditions.append(f"(created_at, id) {'<' if descending else '>'} (:after_key, :after_id)")
        values |= _position(cursor, identity)
    values |= {"rows": limit + 1, "offset": offset, "most": GATHERED + 1}
    rows = _found(connection, which, conditions, values, descending)
    more = len(rows) > limit
    last = rows[limit - 1] if more else None
    return Page(rows[:limit], cursors.encode((last["created_at"], last["id"]), identity) if last else None)


def total(connection: Connection, which: Filter) -> int:
    """How many match, counted no further than MAX_TOTAL + 1."""
    conditions, values = _conditions(which)
    found = f"SELECT FROM job_archive WHERE {_all(conditions)} LIMIT :most"
    statement = f"{_SETTINGS}SELECT count(*) FROM ({found}) AS counted"
    return int(run_sql(connection, statement, {**values, "most": MAX_TOTAL + 1}).scalar_one())


def _found(
    connection: Connection, which: Filter, conditions: list[str], values: dict[str, Any], descending: bool
) -> list[dict[str, Any]]:
    direction = "DESC" if descending else "ASC"
    end = f"ORDER BY created_at {direction}, id {direction} LIMIT :rows OFFSET :offset"
    order = f"a.created_at {direction}, a.id {direction}"
    where = f"FROM job_archive WHERE {_all(conditions)}"
    if which.metadata:
        found = f"WITH found AS MATERIALIZED (SELECT id, archived_at, created_at {where} LIMIT :most)"
        count = "(SELECT count(*) FROM found) AS gathered"
        gathered = f"{found} SELECT id, archived_at, {count} FROM found {end}"
        rows = _rows(connection, _shown(gathered, order, ", gathered"), values)
        if not rows or rows[0]["gathered"] <= GATHERED:
            return rows
    return _rows(connection, _shown(f"SELECT id, archived_at {where} {end}", order), values)


def _shown(chosen: str, order: str, also: str = "") -> str:
    """Whole rows of the chosen ones."""
    return (
        f"{_SETTINGS}SELECT {_COLUMNS}{also} FROM ({chosen}) AS chosen JOIN job_archive a USING (id, archived_at)\n"
        f"CROSS JOIN LATERAL jsonb_populate_record(NULL::jobs, a.rest) AS r ORDER BY {order}"
    )


def _conditions(which: Filter) -> tuple[list[str], dict[str, Any]]:
    values = {name: getattr(which, name) for name in _CONDITIONS if getattr(which, name) not in (None, {})}
    conditions = [_CONDITIONS[name] for name in values]
    if "metadata" in values:
        values["metadata"] = json.dumps(values["metadata"])
    if which.status:
        conditions.append("status::text = ANY(:status)")
        values["status"] = list(which.status)
    return conditions, values


def _all(conditions: list[str]) -> str:
    return " AND ".join(conditions or ["true"])


def _rows(connection: Connection, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in run_sql(connection, statement, values).mappings()]


def _position(cursor: str, identity: object) -> dict[str, Any]:
    try:
        key, job_id = cursors.decode(cursor, identity)
        return {"after_key": datetime.fromisoformat(key), "after_id": UUID(job_id)}
    except InvalidJob:
        raise
    except (ValueError, TypeError, AttributeError):
        raise InvalidJob.at("cursor", "is not a cursor of this API") from None
