"""Metrics of our processes, and of the background tasks that they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import Metric

from aeon_jobs.api.metrics.gauges import gauges
from aeon_jobs.persistence.metrics.situation import Situation

KINDS = ("worker", "dispatcher", "scheduler")


def metrics(situation: Situation) -> Iterator[Metric]:
    workers = [process for process in situation.processes if process.kind == "worker"]
    living = Counter(process.kind for process in situation.processes if process.is_alive)
    # A worker that was lost stays, at 0, until it is replaced or acknowledged; one that stopped is dropped.
    yield gauges(
        "worker_alive_gauge",
        "1 while a worker is heard of.",
        ["worker_id"],
        {(worker.id,): worker.is_alive for worker in workers},
    )
    yield gauges(
        "aeon_jobs_live_workers",
        "Processes that are heard of. A worker that dispatches counts as a dispatcher too.",
        ["kind"],
        {(kind,): living[kind] for kind in KINDS},
    )
    yield gauges(
        "aeon_jobs_worker_slots",
        "Threads of a live worker.",
        ["worker_id"],
        {(worker.id,): worker.threads for worker in workers if worker.is_alive},
    )
    yield gauges(
        "aeon_jobs_worker_busy_slots",
        "Threads of a live worker that run a job.",
        ["worker_id"],
        {(worker.id,): worker.busy for worker in workers if worker.is_alive},
    )
    yield gauges(
        "aeon_jobs_background_task_last_success_timestamp_seconds",
        "When a background task last did its work, in Unix time. 0: never.",
        ["task"],
        {(task,): moment for task, moment in situation.background_tasks.items()},
    )
