"""Jobs in bulk, inserted directly into the table."""

from __future__ import annotations

from functools import cache
from importlib import resources

from sqlalchemy import TextClause, text

from aeon_jobs.persistence.core.database import Database


def mixed(database: Database, count: int) -> None:
    """Jobs in every state."""
    _run(database, "mixed_jobs", count)


def pending(database: Database, count: int) -> None:
    """Ready jobs that do nothing."""
    _run(database, "pending_jobs", count)


def in_front(database: Database, count: int) -> None:
    """`count` blocked and `count` scheduled jobs of the highest priority."""
    _run(database, "jobs_in_front", count)


def _run(database: Database, name: str, count: int) -> None:
    with database.transaction() as connection:
        connection.execute(_statement(name), {"count": count})
    with database.connection() as connection:
        connection.exec_driver_sql("VACUUM ANALYZE jobs")


@cache
def _statement(name: str) -> TextClause:
    return text(resources.files("aeon_jobs.ops.benchmarks").joinpath(f"{name}.sql").read_text())
