"""Metrics of jobs that are not finished, and of dead letters that are open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from prometheus_client.core import Metric

from aeon_jobs.api.metrics.gauges import gauge, gauges
from aeon_jobs.persistence.metrics.depths import Depths
from aeon_jobs.persistence.metrics.situation import Situation
from aeon_jobs.persistence.queue.states import DeadReason

STATUSES = ("ready", "queued", "running")


def depth_metrics(depths: Depths, situation: Situation) -> Iterator[Metric]:
    queues = sorted({*situation.queues, *(queue for queue, _ in depths.by_queue)})
    yield gauges("queue_depth_gauge", "Jobs by state. Pending jobs are due.", ["status"], _by_status(depths))
    yield gauges(
        "aeon_jobs_queue_depth",
        "Jobs of a queue that are ready, queued or running.",
        ["queue", "status"],
        {(queue, status): depths.by_queue.get((queue, status), 0) for queue in queues for status in STATUSES},
    )
    yield gauges(
        "aeon_jobs_gated_jobs",
        "Jobs that wait for a limit of their type, and for nothing else.",
        ["job_type"],
        {(job_type,): depths.gated.get(job_type, 0) for job_type in {*situation.job_types, *depths.gated}},
    )
    yield gauges(
        "aeon_jobs_dead_letters",
        "Dead letters that are open.",
        ["reason"],
        {(reason,): depths.dead_letters.get(reason, 0) for reason in get_args(DeadReason)},
    )


def age_metrics(situation: Situation) -> Iterator[Metric]:
    ages = {**dict.fromkeys(situation.queues, 0.0), **situation.oldest_ready_s}
    yield gauges(
        "aeon_jobs_queue_paused",
        "1 while a queue is paused.",
        ["queue"],
        {(queue,): paused for queue, paused in situation.queues.items()},
    )
    yield gauges(
        "aeon_jobs_oldest_ready_age_seconds",
        "For how long the job is ready that waits longest.",
        ["queue"],
        {(queue,): age for queue, age in ages.items()},
    )
    yield gauge(
        "aeon_jobs_dispatch_lag_seconds",
        "Age of the oldest dispatch that no worker has claimed.",
        situation.dispatch_lag_s,
    )
    yield gauge(
        "aeon_jobs_running_past_deadline",
        "Jobs that run for longer than their timeout.",
        situation.running_past_deadline,
    )


def _by_status(depths: Depths) -> dict[tuple[str, ...], float]:
    by_status = {
        "pending": depths.pending,
        "scheduled": depths.scheduled,
        "queued": depths.total("queued"),
        "processing": depths.total("running"),
        "failed": depths.failed,
        "dlq": sum(depths.dead_letters.values()),
    }
    return {(status,): jobs for status, jobs in by_status.items()}
