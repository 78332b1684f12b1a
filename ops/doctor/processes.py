"""Who is alive: workers, a dispatcher, a scheduler; and whether every queue and type with jobs has somebody."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from aeon_jobs.ops.doctor.finding import Finding, error, ok, skipped, warning
from aeon_jobs.ops.doctor.patient import Patient
from aeon_jobs.persistence.queue import queues

TICK_S = 120
"""A schedule is looked at every minute: one that is later than two has nobody who looks."""


def workers(patient: Patient) -> Finding:
    name, alive = "workers", _alive(patient, "worker")
    if not alive:
        return error(name, "none is alive: nothing is run", "aeon-jobs worker")
    threads = sum(row.threads for row in alive)
    return ok(name, f"{len(alive)} alive on {len({row.hostname for row in alive})} host(s), {threads} threads")


def lost(patient: Patient) -> Finding:
    name = "lost processes"
    gone = [
        row.id for row in patient.ask("processes") if row.state == "lost" or row.silent_s * 1_000 > patient.silence_ms
    ]
    if not gone:
        return ok(name, "none")
    return warning(
        name,
        f"{len(gone)} ended without a goodbye: {', '.join(gone[:3])}",
        f"look at their logs, then: aeon-jobs workers --acknowledge {gone[0]}",
    )


def dispatcher(patient: Patient) -> Finding:
    name, alive = "dispatcher", _alive(patient, "dispatcher")
    if not alive:
        return error(name, "nobody dispatches: no job is started", "aeon-jobs dispatcher (or any worker)")
    if all(row.threads for row in alive):
        return warning(name, "none of its own: a worker does it", "aeon-jobs dispatcher, so that workers need not")
    return ok(name, f"{len(alive)} alive")


def scheduler(patient: Patient) -> Finding:
    """Told by what it does, too: schedules that fell due were run."""
    name, schedules = "scheduler", patient.ask_one("overdue_schedules")
    alive = _alive(patient, "scheduler")
    if not schedules.enabled:
        return (
            ok(name, f"{len(alive)} alive") if alive else skipped(name, "none is alive, and no schedule is switched on")
        )
    if schedules.late_s > TICK_S:
        return error(
            name, f"a schedule is {schedules.late_s:.0f} s late: nobody ticks", "aeon-jobs scheduler, and a worker"
        )
    if not alive:
        return error(name, f"none is alive, and {schedules.enabled} schedule(s) wait for one", "aeon-jobs scheduler")
    return ok(name, f"{len(alive)} alive; {schedules.enabled} schedule(s), none late")


def unserved_queues(patient: Patient) -> Finding:
    name = "queues without workers"
    with patient.database.connection() as connection:
        found = queues.every(connection, patient.silence_ms)
    unserved = [queue.name for queue in found if queue.ready + queue.queued and not queue.workers]
    if not unserved:
        return ok(name, "none: every queue with jobs is served")
    return error(name, ", ".join(unserved), "start a worker with the job types of that queue")


def orphaned_types(patient: Patient) -> Finding:
    name = "job types without workers"
    found = patient.ask("orphaned_types", silence_ms=patient.silence_ms)
    if not found:
        return ok(name, "none: every type with jobs can be run")
    detail = ", ".join(f"{row.job_type} ({row.jobs})" for row in found[:5])
    return error(name, detail, "start a worker with them: aeon-jobs worker their.module")


def _alive(patient: Patient, kind: str) -> list[Row[Any]]:
    found = [row for row in patient.ask("processes") if row.kind == kind and row.state == "running"]
    return [row for row in found if row.silent_s * 1_000 < patient.silence_ms]
