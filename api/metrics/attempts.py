"""Metrics of attempts: how many ended how, how long they took, and how long jobs waited for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, product
from typing import Any, get_args

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from aeon_jobs.persistence.metrics.counters import DURATION_BUCKETS_S, WAIT_BUCKETS_S, Counters, Histogram
from aeon_jobs.persistence.metrics.situation import Situation
from aeon_jobs.persistence.queue.states import DeadReason
from aeon_jobs.persistence.schedules.history import Outcome as RunOutcome

OUTCOMES = ("completed", "retried", "failed", "discarded", "cancelled", "lost")
ERROR_TYPES = ("unknown", "WorkerLost")
"""Those that are there from the start. The others are the names of exceptions."""


def metrics(counters: Counters, situation: Situation) -> Iterator[Metric]:
    """A job type that is registered has all its rows, and a queue its histogram: the first event is an increase from 0."""
    job_types = sorted({*situation.job_types, *(job_type for job_type, _ in counters.processed)})
    queues = sorted({*situation.queues, *counters.waits})
    yield _counts(
        "jobs_processed",
        "Attempts that ended, by outcome.",
        ("job_type", "status"),
        _complete(job_types, OUTCOMES, counters.processed),
    )
    yield _counts(
        "jobs_failed",
        "Attempts that failed, by the class of the error.",
        ("job_type", "error_type"),
        _complete(job_types, ERROR_TYPES, counters.failed),
    )
    yield _histogram(
        "job_duration_seconds",
        "How long attempts took.",
        DURATION_BUCKETS_S,
        "job_type",
        [(job_type, counters.durations[job_type]) for job_type in job_types],
    )
    yield _histogram(
        "aeon_jobs_wait_seconds",
        "How long jobs were ready until a worker claimed them for their last attempt.",
        WAIT_BUCKETS_S,
        "queue",
        [(queue, counters.waits[queue]) for queue in queues],
    )
    yield _by_type("retries", "Attempts that failed and are made again.", job_types, counters, "retried")
    yield _by_type("rescues", "Attempts whose worker was lost.", job_types, counters, "lost")
    yield _counts(
        "aeon_jobs_superseded",
        "Attempts that ended after their job had been taken away.",
        ("job_type",),
        {(job_type,): counters.superseded[job_type] for job_type in job_types},
    )
    yield _counts(
        "aeon_jobs_schedule_runs",
        "Due times of schedules, by what became of them.",
        ("job_type", "outcome"),
        _complete(job_types, get_args(RunOutcome), counters.schedule_runs),
    )
    yield _counts(
        "aeon_jobs_dead_letters",
        "Dead letters that were made.",
        ("job_type", "reason"),
        _complete(job_types, get_args(DeadReason), counters.dead_lettered),
    )


def _complete(
    job_types: Iterable[str], labels: Iterable[str], counted: Mapping[tuple[str, str], float]
) -> dict[tuple[str, ...], float]:
    """What was counted, and 0 for every label of every job type that was not."""
    complete: dict[tuple[str, ...], float] = dict.fromkeys(product(job_types, labels), 0.0)
    complete.update(counted.items())
    return complete


def _by_type(name: str, text: str, job_types: Iterable[str], counters: Counters, outcome: str) -> Metric:
    counts = {(job_type,): counters.processed[job_type, outcome] for job_type in job_types}
    return _counts(f"aeon_jobs_{name}", text, ("job_type",), counts)


def _counts(name: str, text: str, labels: Sequence[str], counts: Mapping[Any, float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def _histogram(
    name: str, text: str, bounds: Sequence[float], label: str, histograms: Iterable[tuple[str, Histogram]]
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=[label])
    names = [*(str(float(bound)) for bound in bounds), "+Inf"]
    for value, histogram in histograms:
        cumulated = list(zip(names, accumulate(histogram.buckets), strict=True))
        family.add_metric([value], buckets=cumulated, sum_value=histogram.sum_s)
    return family
