"""Processes: workers, dispatcher, scheduler; and whether every queue and job type with waiting jobs has a worker."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from aeon_jobs.ops.doctor.context import Context
from aeon_jobs.ops.doctor.finding import Finding, error, ok, skipped, warning
from aeon_jobs.persistence.queue import queues
from aeon_jobs.persistence.queue import workers as worker_rows

TICK_S = 120
"""Schedules are checked every minute. If one is later than two minutes, no scheduler is at work."""


def workers(context: Context) -> Finding:
    name, alive = "workers", _alive(context, "worker")
    if not alive:
        return error(name, "none is alive: no job runs", "aeon-jobs worker")
    threads = sum(row.threads for row in alive)
    return ok(name, f"{len(alive)} alive on {len({row.hostname for row in alive})} host(s), {threads} threads")


def lost(context: Context) -> Finding:
    name = "lost processes"
    gone = [
        row.id for row in context.query("processes") if row.state == "lost" or row.silent_s * 1_000 > context.silence_ms
    ]
    if not gone:
        return ok(name, "none")
    return warning(
        name,
        f"{len(gone)} ended without a clean shutdown: {', '.join(gone[:3])}",
        f"read their logs, then: aeon-jobs workers --acknowledge {gone[0]}",
    )


def dispatcher(context: Context) -> Finding:
    name, alive = "dispatcher", _alive(context, "dispatcher")
    if not alive:
        return error(name, "none is alive: no job starts", "aeon-jobs dispatcher (or any worker)")
    if all(row.threads for row in alive):
        return warning(name, "no separate process: a worker dispatches", "aeon-jobs dispatcher")
    return ok(name, f"{len(alive)} alive")


def scheduler(context: Context) -> Finding:
    """Checked by its work, too: are due schedules run?"""
    name, schedules = "scheduler", context.query_one("overdue_schedules")
    alive = _alive(context, "scheduler")
    if not schedules.enabled:
        return ok(name, f"{len(alive)} alive") if alive else skipped(name, "none is alive, and no schedule is enabled")
    if schedules.late_s > TICK_S:
        return error(
            name,
            f"a schedule is {schedules.late_s:.0f} s late: no scheduler works",
            "aeon-jobs scheduler, and a worker",
        )
    if not alive:
        return error(name, f"none is alive, and {schedules.enabled} schedule(s) need one", "aeon-jobs scheduler")
    return ok(name, f"{len(alive)} alive; {schedules.enabled} schedule(s), none late")


def unserved_queues(context: Context) -> Finding:
    name = "queues without workers"
    with context.database.connection() as connection:
        found = queues.every(connection, context.silence_ms)
    unserved = [queue.name for queue in found if queue.ready + queue.queued and not queue.workers]
    if not unserved:
        return ok(name, "none: every queue with waiting jobs has a worker")
    return error(name, ", ".join(unserved), "start a worker that serves that queue: aeon-jobs worker your.module")


def orphaned_types(context: Context) -> Finding:
    name = "job types without workers"
    found = context.query("orphaned_types", silence_ms=context.silence_ms)
    if not found:
        return ok(name, "none: every job type with waiting jobs has a worker")
    detail = ", ".join(f"{row.job_type} in queue {row.queue_name} ({row.jobs})" for row in found[:5])
    return error(name, detail, "start a worker that has these job types: aeon-jobs worker your.module")


def different_schemas(context: Context) -> Finding:
    name = "job types with two schemas"
    with context.database.connection() as connection:
        found = worker_rows.schema_conflicts(connection, context.silence_ms)
    if not found:
        return ok(name, "none")
    detail = "; ".join(f"{job_type}: {', '.join(ids)}" for job_type, ids in list(found.items())[:3])
    return warning(name, detail, "use another name in one of the services; during a deploy, wait until it is over")


def _alive(context: Context, kind: str) -> list[Row[Any]]:
    found = [row for row in context.query("processes") if row.kind == kind and row.state == "running"]
    return [row for row in found if row.silent_s * 1_000 < context.silence_ms]
