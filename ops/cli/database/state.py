"""The state of the whole system on one page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aeon_jobs.api.client import views
from aeon_jobs.ops.cli.database.likeness import like
from aeon_jobs.ops.cli.database.office import Office
from aeon_jobs.ops.cli.database.queues import is_alive
from aeon_jobs.persistence.core.models import Worker
from aeon_jobs.persistence.queue import workers
from aeon_jobs.persistence.reads import overview


class State(Office):
    def metrics(self) -> views.Metrics:
        with self.database.connection() as connection:
            depths, activity = overview.depths(connection), overview.activity(connection)
            processes = [row for row in workers.every(connection) if row.kind == "worker"]
        return views.Metrics(
            queue_depths=like(views.Depths, depths, processing=depths.queued + depths.running),
            workers=self._health(processes),
            last_hour=like(views.Statistics, activity.last_hour),
            last_24_hours=like(views.Statistics, activity.last_24_hours),
            throughput_per_minute=activity.last_hour.jobs_per_minute,
            error_rates={entry.job_type: entry.last_hour.error_rate for entry in activity.by_type},
            by_type=[_of_type(entry) for entry in activity.by_type],
        )

    def _health(self, processes: list[Worker]) -> views.WorkerHealth:
        silent_since = datetime.now(UTC) - timedelta(milliseconds=self.silence_ms)
        living = [row for row in processes if is_alive(row, silent_since)]
        silent = [row for row in processes if row not in living and row.state in {"lost", "running"}]
        return views.WorkerHealth(
            alive=len(living),
            lost=len(silent),
            threads=sum(row.threads for row in living),
            busy=sum(row.busy for row in living),
        )


def _of_type(entry: overview.TypeStatistics) -> views.TypeStatistics:
    return views.TypeStatistics(
        job_type=entry.job_type,
        last_hour=like(views.Statistics, entry.last_hour),
        last_24_hours=like(views.Statistics, entry.last_24_hours),
    )
