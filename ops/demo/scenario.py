"""What the demo does with its system.

1. Wait until the API answers and every job type has its worker.
2. Submit every job; one of them twice, with one idempotency key.
3. Cancel the slow job as soon as it runs.
4. Wait until every job has ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

import httpx

from aeon_jobs.ops.demo.progress import Progress
from aeon_jobs.ops.demo.submission import Answer, accepted, api_client, post, submit
from aeon_jobs.ops.demo.system import DemoSystem
from aeon_jobs.ops.demo.workload import CANCELLED, JOB_TYPES, Order
from aeon_jobs.persistence.queue import job_types

CANCEL_REASON = "the demo cancels a running job"


@dataclass(slots=True)
class Submissions:
    """The orders by the ids of their jobs."""

    orders: dict[UUID, Order] = field(default_factory=dict)
    repeated: dict[UUID, Answer] = field(default_factory=dict)
    """The API's answer to the second submission, by the id from the first."""

    def ids(self) -> dict[str, UUID]:
        return {order.name: job_id for job_id, order in self.orders.items()}


def run(system: DemoSystem, progress: Progress, orders: Iterable[Order]) -> Submissions:
    """
    Raises:
        DeadlinePassed, Interrupted
        ApiRefused, httpx.TransportError
    """
    with api_client(system) as api:
        _wait_until_ready(system, progress, api)
        submissions = _submit_all(system, progress, api, orders)
        _cancel(system, progress, api, submissions)
    system.deadline.until(lambda: progress.refresh().is_over, lambda: f"the jobs to end: {progress.summary()}")
    return submissions


def _wait_until_ready(system: DemoSystem, progress: Progress, api: httpx.Client) -> None:
    system.deadline.until(lambda: _answers(api, progress), lambda: f"the API at {system.api_url}")
    system.deadline.until(lambda: _has_workers(system, progress), lambda: "the workers")


def _answers(api: httpx.Client, progress: Progress) -> bool:
    progress.refresh()
    try:
        return api.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def _has_workers(system: DemoSystem, progress: Progress) -> bool:
    with system.database.connection() as connection:
        known = len(job_types.get_many(connection, set(JOB_TYPES))) == len(JOB_TYPES)
    return known and progress.refresh().workers >= system.settings.worker_processes


def _submit_all(system: DemoSystem, progress: Progress, api: httpx.Client, orders: Iterable[Order]) -> Submissions:
    submissions = Submissions()
    for order in orders:
        system.deadline.check(lambda: f"the submissions: {progress.summary()}")
        job_id = submit(order, system, api, submissions.ids() if order.after else {})
        submissions.orders[job_id] = order
        if order.key:
            submissions.repeated[job_id] = post(order, api, {})
        progress.refresh()
    return submissions


def _cancel(system: DemoSystem, progress: Progress, api: httpx.Client, submissions: Submissions) -> None:
    for job_id in [job_id for job_id, order in submissions.orders.items() if order.ending is CANCELLED]:
        url = f"/api/jobs/{job_id}"
        system.deadline.until(lambda url=url: _is_running(api, progress, url), lambda: "the slow job to run")  # type: ignore[misc]
        accepted(api.delete(url, params={"reason": CANCEL_REASON}))


def _is_running(api: httpx.Client, progress: Progress, url: str) -> bool:
    progress.refresh()
    return bool(accepted(api.get(url)).json()["status"] == "running")
