"""/metrics: what Prometheus scrapes. Read from PostgreSQL at every scrape, so any API process gives the same answer.

Without PostgreSQL it still answers, with dependency_up 0 and nothing stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from litestar import Response, get
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.persistence.reads import counters, overview
from aeon_jobs.persistence.reads.counters import DURATION_BUCKETS_S, Counters


@get(
    "/metrics",
    opt={"role": Role.VIEWER},
    sync_to_thread=True,
    media_type=CONTENT_TYPE_PLAIN_0_0_4,
    summary="Metrics for Prometheus",
    tags=["Metrics"],
)
def prometheus(jobs: Given) -> Response[bytes]:
    """Text format 0.0.4. Counters are of finished attempts and never go down."""
    registry = CollectorRegistry()
    registry.register(_Collector(jobs))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Collector(Collector):
    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("dependency_up", "Whether a server that we need answers.", labels=["dependency"])
        try:
            with self._jobs.context.database.connection() as connection:
                counted, depths = counters.read(connection), overview.depths(connection)
            workers = self._jobs.workers("worker")
        except SQLAlchemyError:
            up.add_metric(["postgres"], 0)
            yield up
            return
        up.add_metric(["postgres"], 1)
        yield up
        yield from _counted(counted)
        yield _depths(depths)
        yield _alive({worker.id: worker.alive for worker in workers if worker.state != "stopped"})


def _counted(counted: Counters) -> Iterator[Metric]:
    processed = CounterMetricFamily("jobs_processed", "Finished attempts.", labels=["job_type", "status"])
    for labels, value in counted.processed.items():
        processed.add_metric(list(labels), value)
    failed = CounterMetricFamily("jobs_failed", "Failed attempts.", labels=["job_type", "error_type"])
    for labels, value in counted.failed.items():
        failed.add_metric(list(labels), value)
    duration = HistogramMetricFamily("job_duration_seconds", "How long attempts took.", labels=["job_type"])
    bounds = [*map(str, map(float, DURATION_BUCKETS_S)), "+Inf"]
    for job_type, durations in counted.durations.items():
        cumulated = zip(bounds, accumulate(durations.buckets), strict=True)
        duration.add_metric([job_type], buckets=list(cumulated), sum_value=durations.sum_s)
    yield from (processed, failed, duration)


def _depths(depths: overview.Depths) -> Metric:
    gauge = GaugeMetricFamily("queue_depth_gauge", "Jobs by state; pending are due.", labels=["status"])
    by_status = {
        "pending": depths.pending,
        "scheduled": depths.scheduled,
        "queued": depths.queued,
        "processing": depths.running,
        "failed": depths.failed,
        "dlq": depths.dlq,
    }
    for status, value in by_status.items():
        gauge.add_metric([status], value)
    return gauge


def _alive(alive: dict[str, bool]) -> Metric:
    """A worker that was lost stays, at 0, until it is dismissed; one that stopped is dropped."""
    gauge = GaugeMetricFamily("worker_alive_gauge", "1 while a worker is heard of.", labels=["worker_id"])
    for worker_id, is_alive in alive.items():
        gauge.add_metric([worker_id], int(is_alive))
    return gauge
