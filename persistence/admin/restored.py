"""A database that is, or was just, restored from a backup."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run, run_sql

ALIVE_S = 30


def server_version(connection: Connection) -> int:
    """The major version of PostgreSQL."""
    return int(run_sql(connection, "SELECT current_setting('server_version_num')::integer / 10000").scalar_one())


def has_jobs(connection: Connection) -> bool:
    return bool(run_sql(connection, "SELECT EXISTS (SELECT FROM jobs)").scalar_one())


def living(connection: Connection) -> list[str]:
    """Ids of processes that were heard of in the last ALIVE_S seconds."""
    sql = (
        "SELECT id FROM workers WHERE state IN ('running', 'stopping')"
        " AND last_seen_at > now() - :alive_s * interval '1 second' ORDER BY id"
    )
    return list(run_sql(connection, sql, {"alive_s": ALIVE_S}).scalars())


def empty(connection: Connection, tables: Sequence[str]) -> None:
    """Delete every row of these tables of ours."""
    run_sql(connection, f"TRUNCATE {', '.join(tables)}")


def add_months(connection: Connection, first: str, last: str) -> None:
    """Months of the archive, such as 2030_01."""
    sql = "SELECT add_archive_partitions(to_date(:first, 'YYYY_MM'), to_date(:last, 'YYYY_MM'))"
    run_sql(connection, sql, {"first": first, "last": last})


def set_right(connection: Connection) -> int:
    """No process holds a job any more, so those that ran or were on their way wait again. Returns how many ran.

    The triggers of dependencies counted while they were restored, beside what was counted already: it is counted anew.
    Redis may still have messages of jobs, also from after the backup. They would have numbers that are given once more: so the
    numbers of dispatches go on far above them, and every such message is void.
    """
    run(connection, "admin/count_dependencies")
    interrupted = run(connection, "admin/interrupt_running").rowcount
    run(connection, "admin/renumber_dispatches")
    return interrupted


def states(connection: Connection) -> dict[str, int]:
    """How many jobs are in each state."""
    rows = run_sql(connection, "SELECT status::text AS status, count(*) AS jobs FROM jobs GROUP BY 1 ORDER BY 1")
    return {row.status: row.jobs for row in rows}


def archived(connection: Connection) -> int:
    return int(run_sql(connection, "SELECT count(*) FROM job_archive").scalar_one())


def analyze(connection: Connection) -> None:
    """The planner knows nothing of rows that were just restored."""
    run_sql(connection, "ANALYZE jobs, job_executions, job_dependencies, dead_letter_jobs")
