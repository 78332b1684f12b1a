"""/api/jobs/metrics: the state of the whole system on one page, for dashboards and people. Prometheus has its own."""

from __future__ import annotations

import msgspec
from litestar import get

from aeon_jobs.api.callers import Role
from aeon_jobs.api.services import Given, Services
from aeon_jobs.api.workers import every
from aeon_jobs.persistence.reads import overview


class Depths(msgspec.Struct, frozen=True, kw_only=True):
    pending: int
    """Wait to be run now, those that wait for other jobs included."""
    processing: int
    """Queued or running."""
    failed: int
    dlq: int
    """Open dead letters."""
    scheduled: int
    """Wait for a moment in the future."""
    blocked: int
    """Of the pending: wait for other jobs."""
    queued: int
    running: int


class WorkerHealth(msgspec.Struct, frozen=True, kw_only=True):
    alive: int
    lost: int
    threads: int
    busy: int


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Finished attempts of a period."""

    attempts: int
    completed: int
    failed: int
    error_rate: float
    mean_duration_s: float | None
    jobs_per_minute: float


class TypeStatistics(msgspec.Struct, frozen=True, kw_only=True):
    job_type: str
    last_hour: Statistics
    last_24_hours: Statistics


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    queue_depths: Depths
    workers: WorkerHealth
    last_hour: Statistics
    last_24_hours: Statistics
    throughput_per_minute: float
    """Completed jobs, over the last hour."""
    error_rates: dict[str, float]
    """By job type, over the last hour."""
    by_type: list[TypeStatistics]


@get("/metrics", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="The state of the system", tags=["Metrics"])
def metrics(services: Given) -> Metrics:
    """Depths and workers as they are now (of a backlog of more than 50,000: 2 s ago); statistics are up to 10 s old."""
    depths, activity = services.depths.get(), services.activity.get()
    plain = {name: getattr(depths, name) for name in Depths.__struct_fields__ if name != "processing"}
    return Metrics(
        queue_depths=Depths(**plain, processing=depths.queued + depths.running),
        workers=_health(services),
        last_hour=_statistics(activity.last_hour),
        last_24_hours=_statistics(activity.last_24_hours),
        throughput_per_minute=activity.last_hour.jobs_per_minute,
        error_rates={entry.job_type: entry.last_hour.error_rate for entry in activity.by_type},
        by_type=[
            TypeStatistics(
                job_type=entry.job_type,
                last_hour=_statistics(entry.last_hour),
                last_24_hours=_statistics(entry.last_24_hours),
            )
            for entry in activity.by_type
        ],
    )


def _health(services: Services) -> WorkerHealth:
    found = [process for process in every(services) if process.kind == "worker"]
    living = [worker for worker in found if worker.alive]
    return WorkerHealth(
        alive=len(living),
        lost=sum(worker.state == "lost" or (not worker.alive and worker.state == "running") for worker in found),
        threads=sum(worker.threads for worker in living),
        busy=sum(worker.busy for worker in living),
    )


def _statistics(statistics: overview.Statistics) -> Statistics:
    return Statistics(**{name: getattr(statistics, name) for name in Statistics.__struct_fields__})
