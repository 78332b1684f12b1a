"""The state of the whole system on one page, for dashboards and people. Prometheus has its own."""

from __future__ import annotations

from collections.abc import Sequence

from aeon_jobs.api.contract import Depths, Metrics, Statistics, TypeStatistics, Worker, WorkerHealth
from aeon_jobs.api.service.core.use_cases import shown
from aeon_jobs.api.service.workers import WorkerUseCases
from aeon_jobs.persistence.reads import overview


class MetricsUseCases(WorkerUseCases):
    def metrics(self) -> Metrics:
        """Depths and workers as they are now (of a backlog of more than 50,000: 2 s ago); statistics are up to 10 s old."""
        depths, activity = self.context.depths.get(), self.context.activity.get()
        return Metrics(
            queue_depths=shown(Depths, depths, processing=depths.queued + depths.running),
            workers=_health(self.workers("worker")),
            last_hour=shown(Statistics, activity.last_hour),
            last_24_hours=shown(Statistics, activity.last_24_hours),
            throughput_per_minute=activity.last_hour.jobs_per_minute,
            error_rates={entry.job_type: entry.last_hour.error_rate for entry in activity.by_type},
            by_type=[_of_type(entry) for entry in activity.by_type],
        )


def _health(workers: Sequence[Worker]) -> WorkerHealth:
    living = [worker for worker in workers if worker.alive]
    return WorkerHealth(
        alive=len(living),
        lost=sum(worker.state == "lost" or (not worker.alive and worker.state == "running") for worker in workers),
        threads=sum(worker.threads for worker in living),
        busy=sum(worker.busy for worker in living),
    )


def _of_type(entry: overview.TypeStatistics) -> TypeStatistics:
    return TypeStatistics(
        job_type=entry.job_type,
        last_hour=shown(Statistics, entry.last_hour),
        last_24_hours=shown(Statistics, entry.last_24_hours),
    )
