"""The backlog: jobs that wait for a worker, dead letters that wait for a person."""

from __future__ import annotations

from aeon_jobs.api.service.checks.finding import Finding, by_limits, ok
from aeon_jobs.ops.doctor.context import Context


def oldest_job(context: Context) -> Finding:
    name, found = "oldest waiting job", context.query("oldest_job")
    if not found:
        return ok(name, "no job waits")
    (job,) = found
    detail = f"{job.waited_s:.0f} s: {job.job_type} in queue {job.queue_name}"
    remedy = f"aeon-jobs explain {job.id}; if there are just too many jobs, start more workers"
    return by_limits(name, job.waited_s, context.limits.oldest_job_s, detail, remedy)


def dead_letters(context: Context) -> Finding:
    found = context.query_one("dead_letters")
    since = f", the oldest from {found.since:%Y-%m-%d}" if found.open else ""
    remedy = "aeon-jobs dlq groups, then requeue or discard"
    return by_limits("open dead letters", found.open, context.limits.dead_letters, f"{found.open}{since}", remedy)
