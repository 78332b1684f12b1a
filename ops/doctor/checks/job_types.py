"""Job types: does a live worker know each one, and do all of them mean the same payload?"""

from __future__ import annotations

from aeon_jobs.api.service.checks.finding import Finding, ok, warning
from aeon_jobs.api.service.checks.processes import types_without_workers
from aeon_jobs.ops.doctor.context import Context
from aeon_jobs.persistence.queue.workers import schema_conflicts


def without_workers(context: Context) -> Finding:
    found = context.query("types_without_workers", silence_ms=context.silence_ms)
    return types_without_workers([(row.queue_name, row.job_type, row.jobs) for row in found])


def conflicting_schemas(context: Context) -> Finding:
    """Two services that use one name for two things: each refuses the other's payloads."""
    name = "job types with two schemas"
    with context.database.connection() as connection:
        found = schema_conflicts(connection, context.silence_ms)
    if not found:
        return ok(name, "none")
    told = "; ".join(f"{job_type}: {', '.join(workers)}" for job_type, workers in list(found.items())[:3])
    return warning(name, told, "use another name in one of the services; during a deploy, wait until it is over")
