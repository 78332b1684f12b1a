"""Processes: workers, dispatcher, scheduler; and whether every queue and job type with waiting jobs has a worker.

Each check takes the verbs of `api.contract`. So it runs against the database and against an API.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aeon_jobs.api.service.checks.finding import Finding, error, ok, skipped, warning

if TYPE_CHECKING:
    from aeon_jobs.api.contract import JobsApi, Worker

TICK_S = 120
"""Schedules are checked every minute. If one is later than two minutes, no scheduler is at work."""


def workers(jobs: JobsApi) -> Finding:
    name, alive = "workers", _alive(jobs, "worker")
    if not alive:
        return error(name, "none is alive: no job runs", "aeon-jobs worker")
    hosts, threads = {worker.hostname for worker in alive}, sum(worker.threads for worker in alive)
    return ok(name, f"{len(alive)} alive on {len(hosts)} host(s), {threads} threads")


def lost(jobs: JobsApi) -> Finding:
    name = "lost processes"
    gone = sorted(found.id for found in jobs.workers() if found.state != "stopped" and not found.alive)
    if not gone:
        return ok(name, "none")
    return warning(
        name,
        f"{len(gone)} ended without a clean shutdown: {', '.join(gone[:3])}",
        f"read their logs, then: aeon-jobs workers --acknowledge {gone[0]}",
    )


def dispatcher(jobs: JobsApi) -> Finding:
    name, alive = "dispatcher", _alive(jobs, "dispatcher")
    if not alive:
        return error(name, "none is alive: no job starts", "aeon-jobs dispatcher (or any worker)")
    if all(found.threads for found in alive):
        return warning(name, "no separate process: a worker dispatches", "aeon-jobs dispatcher")
    return ok(name, f"{len(alive)} alive")


def scheduler(jobs: JobsApi) -> Finding:
    """Checked by its work, too: are due schedules run?"""
    name, alive = "scheduler", _alive(jobs, "scheduler")
    enabled = [schedule for schedule in jobs.schedules() if schedule.enabled]
    if not enabled:
        return ok(name, f"{len(alive)} alive") if alive else skipped(name, "none is alive, and no schedule is enabled")
    due = min((schedule.next_run_at for schedule in enabled if schedule.next_run_at), default=None)
    late_s = (datetime.now(UTC) - due).total_seconds() if due else 0
    if late_s > TICK_S:
        detail = f"a schedule is {late_s:.0f} s late: no scheduler works"
        return error(name, detail, "aeon-jobs scheduler, and a worker")
    if not alive:
        return error(name, f"none is alive, and {len(enabled)} schedule(s) need one", "aeon-jobs scheduler")
    return ok(name, f"{len(alive)} alive; {len(enabled)} schedule(s), none late")


def unserved_queues(jobs: JobsApi) -> Finding:
    name = "queues without workers"
    unserved = [queue.name for queue in jobs.queues() if queue.ready + queue.queued and not queue.workers]
    if not unserved:
        return ok(name, "none: every queue with waiting jobs has a worker")
    return error(name, ", ".join(unserved), "start a worker that serves that queue: aeon-jobs worker your.module")


def types_without_workers(waiting: Sequence[tuple[str, str, int]]) -> Finding:
    """`waiting`: queue, job type and waiting jobs, where no live worker serves that queue and knows that type."""
    name = "job types without workers"
    if not waiting:
        return ok(name, "none: every job type with waiting jobs has a worker")
    detail = ", ".join(f"{job_type} in queue {queue} ({count})" for queue, job_type, count in waiting[:5])
    return error(name, detail, "start a worker that has these job types: aeon-jobs worker your.module")


def _alive(jobs: JobsApi, kind: str) -> list[Worker]:
    return [found for found in jobs.workers(kind) if found.alive and found.state == "running"]


CHECKS: Sequence[Callable[[JobsApi], Finding]] = (workers, lost, dispatcher, scheduler, unserved_queues)
