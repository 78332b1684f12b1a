"""How many jobs and dead letters are where. Counted, so it costs more the more there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run_sql, together

# Compiling this takes longer than running it, as does starting other processes for it, and the planner guesses otherwise.
_SETTINGS = "SET LOCAL jit = off;\nSET LOCAL max_parallel_workers_per_gather = 0;\n"
_PARTS = (
    "metrics/ready_depths",
    "metrics/moving_depths",
    "metrics/total_depths",
    "metrics/open_dead_letters",
    "metrics/gated_jobs",
)


@dataclass(frozen=True, slots=True)
class Depths:
    by_queue: Mapping[tuple[str, str], int]
    """By (queue, status): ready, queued, running."""
    pending: int
    """Wait to be run now, those that wait for other jobs or for a limit included."""
    scheduled: int
    """Wait for a moment in the future."""
    failed: int
    dead_letters: Mapping[str, int]
    """Open ones, by reason."""
    gated: Mapping[str, int]
    """Wait for a limit of their type alone, by job type."""

    def total(self, status: str) -> int:
        """Jobs of all queues that are ready, queued or running."""
        return sum(jobs for (_, found), jobs in self.by_queue.items() if found == status)


def read(connection: Connection) -> Depths:
    """Counted in one transaction."""
    row = run_sql(connection, _SETTINGS + together(*_PARTS)).one()
    (totals,) = row.total_depths
    counted = [*(row.ready_depths or ()), *(row.moving_depths or ())]
    return Depths(
        by_queue={(entry["queue_name"], entry["status"]): entry["jobs"] for entry in counted},
        pending=totals["pending"] - totals["scheduled"],
        scheduled=totals["scheduled"],
        failed=totals["failed"],
        dead_letters={entry["reason"]: entry["dead_letters"] for entry in row.open_dead_letters or ()},
        gated={entry["job_type"]: entry["jobs"] for entry in row.gated_jobs or ()},
    )
