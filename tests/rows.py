"""Rows for tests: written and read with plain SQL, and brought into any state by the real functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from aeon_jobs.persistence.core.database import Database, run_sql
from aeon_jobs.persistence.core.models import JobType
from aeon_jobs.persistence.queue import dispatch, executions, job_types
from aeon_jobs.persistence.queue.dispatch import Dispatch, Lane
from aeon_jobs.persistence.queue.executions import Claimed, Ended
from aeon_jobs.persistence.queue.states import Verdict

NOTE = JobType(
    name="note",
    queue_name="default",
    payload_schema={
        "type": "object",
        "properties": {"text": {"type": "string"}, "n": {}},
        "additionalProperties": False,
    },
    example={},
    priority=50,
    max_retries=3,
    timeout_ms=300_000,
)
"""A job type that no worker has."""


def register(database: Database, *types: JobType) -> None:
    with database.connection() as connection:
        job_types.register(connection, types or [NOTE])


def rows(where: Database | Connection, sql: str, **parameters: Any) -> list[Any]:
    """The rows that the statement returns. On a Database it runs in its own transaction."""
    if isinstance(where, Database):
        with where.connection() as connection:
            return rows(connection, sql, **parameters)
    result = where.execute(text(sql), parameters)
    return list(result.all()) if result.returns_rows else []


def value(where: Database | Connection, sql: str, **parameters: Any) -> Any:
    """The one value that the statement returns."""
    ((found,),) = rows(where, sql, **parameters)
    return found


def add_job(where: Database | Connection, **columns: Any) -> UUID:
    """A job inserted by plain SQL."""
    columns = {"job_type": "note", **columns}
    names = ", ".join(columns)
    values = ", ".join(f":{name}" for name in columns)
    return value(where, f"INSERT INTO jobs ({names}) VALUES ({values}) RETURNING id", **columns)


def job(where: Database | Connection, job_id: UUID) -> Any:
    """The row, all columns as attributes."""
    (found,) = rows(where, "SELECT * FROM jobs WHERE id = :id", id=job_id)
    return found


def outcomes(where: Database | Connection, job_id: UUID) -> list[tuple[int, str]]:
    """(attempt, outcome) of every execution."""
    sql = "SELECT attempt, outcome FROM job_executions WHERE job_id = :id ORDER BY id"
    return [tuple(row) for row in rows(where, sql, id=job_id)]


def dead_letters_of(where: Database | Connection, job_id: UUID) -> list[Any]:
    return rows(where, "SELECT * FROM dead_letter_jobs WHERE job_id = :id ORDER BY id", id=job_id)


def counters(where: Database | Connection, metric: str) -> dict[tuple[str, str], float]:
    """(job type, label) → value over all shards, without zeros."""
    sql = (
        "SELECT job_type, label, sum(value) FROM job_counters WHERE metric = :metric"
        " GROUP BY 1, 2 HAVING sum(value) <> 0"
    )
    return {(row[0], row[1]): row[2] for row in rows(where, sql, metric=metric)}


def counted_seconds(where: Database | Connection, metric: str) -> dict[str, float]:
    """Job type (of `wait_bucket`: queue) → the seconds of all buckets of the histogram."""
    sql = "SELECT job_type, sum(seconds) FROM job_counters WHERE metric = :metric GROUP BY 1"
    return {row[0]: row[1] for row in rows(where, sql, metric=metric)}


def queue(database: Database, *job_ids: UUID) -> list[tuple[UUID, int]]:
    """Dispatch these jobs and no others; (job id, dispatch_seq) in the order asked for."""
    with database.transaction() as connection:
        sql = (
            "UPDATE jobs SET status = 'queued', dispatch_seq = dispatch_seq + 1, queued_at = now()"
            " WHERE id = ANY(:ids) AND status = 'pending' RETURNING id, dispatch_seq"
        )
        seqs = dict(tuple(row) for row in rows(connection, sql, ids=list(job_ids)))
    return [(job_id, seqs[job_id]) for job_id in job_ids]


def start(database: Database, *job_ids: UUID, worker_id: str = "w1", lease_ms: int = 60_000) -> list[Claimed]:
    """Dispatch and claim these jobs."""
    dispatches = queue(database, *job_ids)
    with database.connection() as connection:
        claimed = executions.claim(connection, dispatches, worker_id=worker_id, lease_ms=lease_ms)
    return [claimed[entry] for entry in dispatches]


def running_job(database: Database, worker_id: str = "w1", lease_ms: int = 60_000, **columns: Any) -> Claimed:
    (claimed,) = start(database, add_job(database, **columns), worker_id=worker_id, lease_ms=lease_ms)
    return claimed


def end(
    where: Database | Connection, claimed: Claimed, verdict: Verdict, *, worker_id: str = "w1", dlq_enabled: bool = True
) -> bool:
    """Record one attempt's end; whether it won."""
    return end_all(where, [(claimed, verdict)], worker_id=worker_id, dlq_enabled=dlq_enabled)[0]


def end_all(
    where: Database | Connection,
    ended: Sequence[tuple[Claimed, Verdict]],
    *,
    worker_id: str = "w1",
    dlq_enabled: bool = True,
) -> list[bool]:
    if isinstance(where, Database):
        with where.connection() as connection:
            return end_all(connection, ended, worker_id=worker_id, dlq_enabled=dlq_enabled)
    entries = [Ended(claimed.id, claimed.attempt, claimed.started_at, verdict) for claimed, verdict in ended]
    won = executions.record(where, entries, worker_id=worker_id, shard=3, dlq_enabled=dlq_enabled)
    return [won[claimed.id, claimed.attempt] for claimed, _ in ended]


def dispatch_queues(connection: Connection, free: Mapping[str, int]) -> list[Dispatch]:
    """A dispatcher's round for workers that serve one queue each and know every job type there is."""
    types = tuple(run_sql(connection, "SELECT DISTINCT job_type FROM jobs").scalars())
    wanted = {Lane(f"lane-{queue}", (queue,), types): count for queue, count in free.items()}
    return dispatch.dispatch(connection, wanted)


def dispatch_all(database: Database, count: int = 100, queue_name: str = "default") -> list[UUID]:
    """Dispatch one round; the ids in the order of the dispatch."""
    with database.connection() as connection:
        return [entry.id for entry in dispatch_queues(connection, {queue_name: count})]
