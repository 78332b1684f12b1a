"""The checks that an API can answer. Versions, clocks, disks and poolers cannot be seen through HTTP.

1. /health/ready: is the API there, and can it take jobs?
2. The key: does the API accept it?
3. Processes, queues, schedules and the backlog, through the same routes that everybody uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx

from aeon_jobs.api.client.errors import ApiError
from aeon_jobs.api.contract import JobFilter, JobSummary
from aeon_jobs.api.service.checks import processes
from aeon_jobs.api.service.checks.finding import Finding, by_limits, error, ok, skipped, warning
from aeon_jobs.ops.doctor.context import Limits

if TYPE_CHECKING:
    from aeon_jobs.api.contract import JobsApi

TIMEOUT_S = 5.0
OLDEST = 200
"""Waiting jobs that are looked at, the oldest first."""


def run_remote_checks(address: str, jobs: JobsApi, limits: Limits | None = None) -> list[Finding]:
    """Every finding, in order."""
    return list(_findings(address.rstrip("/"), jobs, limits or Limits()))


def _findings(address: str, jobs: JobsApi, limits: Limits) -> Iterator[Finding]:
    servers = health(address)
    yield from servers
    if servers[0].status == "error":
        yield skipped("everything else", "the API cannot be reached")
        return
    access = _checked(_key, jobs)
    yield access
    if access.status == "error":
        yield skipped("processes, queues, jobs", "the key is not accepted")
        return
    for check in (*processes.CHECKS, unserved_types):
        yield _checked(check, jobs)
    yield _checked(lambda jobs: oldest_job(jobs, limits), jobs, "oldest waiting job")
    yield _checked(lambda jobs: dead_letters(jobs, limits), jobs, "open dead letters")


def health(address: str) -> list[Finding]:
    """What /health/ready says. It needs no key."""
    try:
        answer = httpx.get(f"{address}/health/ready", timeout=TIMEOUT_S)
        checks = [(str(c["name"]), str(c["state"]), str(c["detail"])) for c in answer.json()["checks"]]
    except httpx.HTTPError as fault:
        return [error("API", str(fault) or type(fault).__name__, "check the address, and that the API runs")]
    except (ValueError, KeyError, TypeError):
        return [error("API", f"{address} is not the API of aeon-jobs", "check the address")]
    return [ok("API", "reached"), *(_of_health(*check) for check in checks)]


def _of_health(name: str, state: str, detail: str) -> Finding:
    name = f"API: {name}"
    if state == "ok":
        return ok(name, detail or "ok")
    problem = error if state == "down" else warning
    return problem(name, detail or state, "run aeon-jobs doctor where the API runs")


def _key(jobs: JobsApi) -> Finding:
    me = jobs.me()
    return ok("API key", f"accepted: {me.name}, role {me.role}")


def unserved_types(jobs: JobsApi) -> Finding:
    """Waiting jobs that no live worker can run: none serves the queue and knows the job type."""
    alive = [worker for worker in jobs.workers("worker") if worker.alive]
    served = {(queue, name) for worker in alive for queue in worker.queues for name in worker.job_types}
    names = [found.name for found in jobs.job_types()]
    pairs = [(queue.name, name) for queue in jobs.queues() if queue.ready for name in names]
    counted = [(*pair, len(list(_ready(jobs, *pair)))) for pair in pairs if pair not in served]
    return processes.types_without_workers([entry for entry in counted if entry[2]])


def oldest_job(jobs: JobsApi, limits: Limits) -> Finding:
    name, paused = "oldest waiting job", {queue.name for queue in jobs.queues() if queue.paused_at}
    waiting = [job for job in _ready(jobs) if job.queue_name not in paused]
    if not waiting:
        return ok(name, f"none among the {OLDEST} oldest pending jobs")
    job = min(waiting, key=_since)
    waited_s = (datetime.now(UTC) - _since(job)).total_seconds()
    detail = f"{waited_s:.0f} s: {job.job_type} in queue {job.queue_name}"
    remedy = f"aeon-jobs explain {job.job_id}; if there are just too many jobs, start more workers"
    return by_limits(name, waited_s, limits.oldest_job_s, detail, remedy)


def dead_letters(jobs: JobsApi, limits: Limits) -> Finding:
    count = jobs.metrics().queue_depths.dlq
    remedy = "aeon-jobs dlq groups, then requeue or discard"
    return by_limits("open dead letters", count, limits.dead_letters, str(count), remedy)


def _ready(jobs: JobsApi, queue: str | None = None, job_type: str | None = None) -> Iterator[JobSummary]:
    """The oldest jobs that wait for nothing but a worker."""
    which = JobFilter(status=("pending",), queue_name=queue, job_type=job_type)
    now = datetime.now(UTC)
    for job in jobs.page(which, sort="created_at", descending=False, limit=OLDEST).items:
        if not job.blocked_by and _since(job) <= now:
            yield job


def _since(job: JobSummary) -> datetime:
    return max(job.created_at, job.scheduled_at or job.created_at)


def _checked(check: Callable[[JobsApi], Finding], jobs: JobsApi, name: str = "") -> Finding:
    try:
        return check(jobs)
    except ApiError as fault:
        name = name or ("API key" if check is _key else check.__name__.replace("_", " "))
        return error(name, f"could not be checked: {fault}", "use a key with the role viewer or higher")
