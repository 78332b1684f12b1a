"""The checks of the smoke test. Each returns what it found; an error it raises is what it found, too."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from typing import Any

import httpx

from aeon_jobs.api.service.checks import processes
from aeon_jobs.api.service.checks.finding import Finding, error, ok
from aeon_jobs.middleware.smoke_job import NAME as JOB_TYPE
from aeon_jobs.ops.doctor.remote import health
from aeon_jobs.ops.smoke.target import Target

JOB_TIMEOUT_S = 30.0
REQUEST_TIMEOUT_S = 5.0
METRICS = (
    "jobs_processed_total",
    "jobs_failed_total",
    "job_duration_seconds",
    "queue_depth_gauge",
    "worker_alive_gauge",
)
"""What the alerts read."""


def servers(target: Target) -> Iterable[Finding]:
    """The API and what it says of its servers; or the servers themselves."""
    return health(target.address) if target.settings is None else _servers(target)


def _servers(target: Target) -> Iterator[Finding]:
    from aeon_jobs.persistence.core import migrate
    from aeon_jobs.persistence.core.database import Database
    from aeon_jobs.persistence.redis_clients import redis_client

    assert target.settings is not None
    database = Database(target.settings.postgres_dsn, schema=target.settings.job_schema, pool_size=1)
    try:
        is_current = migrate.is_current(database)
    finally:
        database.dispose()
    yield ok("PostgreSQL", "reached")
    yield ok("schema", "current") if is_current else error("schema", "not current", "aeon-jobs migrate up")
    with closing(redis_client(target.settings.redis_dsn)) as client:
        client.ping()
    yield ok("Redis", "reached")


def job(target: Target) -> Iterator[Finding]:
    """One job, from its submission to its result."""
    token, began = secrets.token_hex(8), time.monotonic()
    job_id = target.jobs.submit(JOB_TYPE, {"token": token}).job_id
    yield ok("submission", f"job {job_id} is stored")
    with suppress(Exception):  # not over in time: the job itself says so below
        target.jobs.wait(job_id, timeout_s=JOB_TIMEOUT_S)
    done, took_s = target.jobs.get(job_id), time.monotonic() - began
    if not done.is_over:
        yield _unfinished(target, job_id)
    elif done.status != "completed" or done.result != {"token": token}:
        yield error("completion", f"job {job_id} is {done.status}: {done.error_message}", f"aeon-jobs show {job_id}")
    else:
        worker = done.executions[-1].worker_id if done.executions else None
        yield ok("completion", f"after {took_s:.2f} s, by {worker or 'an unknown worker'}")


def _unfinished(target: Target, job_id: Any) -> Finding:
    """Why the job did not end. It is cancelled: it must not run when nobody waits for it."""
    reasons = "; ".join(reason.message for reason in target.jobs.explain(job_id).reasons)
    with suppress(Exception):
        target.jobs.cancel(job_id, reason="the smoke test waited long enough")
    return error("completion", f"not within {JOB_TIMEOUT_S:.0f} s: {reasons}", "aeon-jobs doctor says more")


def workers(target: Target) -> Finding:
    return processes.workers(target.jobs)


def lost_processes(target: Target) -> Finding:
    return processes.lost(target.jobs)


def dispatcher(target: Target) -> Finding:
    return processes.dispatcher(target.jobs)


def scheduler(target: Target) -> Finding:
    return processes.scheduler(target.jobs)


def statistics(target: Target) -> Finding:
    """What `aeon-jobs stats` and GET /api/jobs/metrics show."""
    depths = target.jobs.metrics().queue_depths
    return ok("statistics", f"{depths.pending} pending, {depths.processing} processing, {depths.dlq} dead letters")


def prometheus(target: Target) -> Finding | None:
    """GET /metrics of the API."""
    if target.settings is not None:
        return None
    headers = {"Authorization": f"Bearer {target.key}"} if target.key else {}
    answer = httpx.get(f"{target.address.rstrip('/')}/metrics", headers=headers, timeout=REQUEST_TIMEOUT_S)
    if answer.status_code != 200:
        return error("metrics", f"/metrics answers {answer.status_code}", "use a key with the role submitter or higher")
    if missing := [name for name in METRICS if name not in answer.text]:
        return error("metrics", f"/metrics lacks {', '.join(missing)}", "aeon-jobs doctor, where the API runs")
    return ok("metrics", f"/metrics has {sum(not line.startswith('#') for line in answer.text.splitlines())} series")
