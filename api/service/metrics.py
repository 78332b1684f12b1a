"""The state of the whole system on one page, for dashboards and people. Prometheus has its own."""

from __future__ import annotations

from collections.abc import Sequence

from aeon_jobs.api.contract import (
    PERIODS,
    Depths,
    History,
    HistoryPoint,
    Metrics,
    Period,
    QueueHistory,
    Statistics,
    TypeStatistics,
    Worker,
    WorkerHealth,
)
from aeon_jobs.api.service.core.use_cases import shown
from aeon_jobs.api.service.workers import WorkerUseCases
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.metrics import history
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

    def history(self, period: Period = "1h", *, job_type: str | None = None, queue_name: str | None = None) -> History:
        """What happened in the last 5m, 1h, 6h, 24h or 7d: of all jobs, of a job type, or of a queue.

        Raises:
            InvalidJob: no such period, or both a job type and a queue.
        """
        if period not in PERIODS:
            raise InvalidJob.at("period", f"must be {', '.join(PERIODS[:-1])} or {PERIODS[-1]}")
        if job_type and queue_name:
            raise InvalidJob.at("queue_name", "does not go with job_type: ask for one of them")
        kind: history.Kind = "job_type" if job_type else "queue" if queue_name else "all"
        with self.context.database.connection() as connection:
            found = history.read(connection, history.PERIODS[period], kind, job_type or queue_name or "")
        return History(
            period=period,
            step_s=found.step_s,
            points=[shown(HistoryPoint, point) for point in found.points],
            queues=[shown(QueueHistory, queue) for queue in found.queues],
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
