"""Lost processes that an operator has acknowledged."""

from __future__ import annotations

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run


def forget(connection: Connection, worker_id: str) -> bool:
    """Delete the row of a process that stopped or was lost. False: there is none, or it lives."""
    return run(connection, "admin/forget_worker", {"id": worker_id}).rowcount > 0
