"""Workers and the other processes: slots, versions, quiet, and what each worker runs now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aeon_jobs.api.contract import JobFilter, JobSummary, Worker
from aeon_jobs.api.dashboard.page import Action, Ask, Done, Page
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.principals import Role

RUNNING = 200
"""Running jobs that are looked at, the newest."""


@dataclass(frozen=True, slots=True)
class Row:
    worker: Worker
    running: list[tuple[str, int]]
    """Job types and how many of them it runs, the most frequent first."""
    jobs: list[JobSummary]

    @property
    def state(self) -> str:
        if self.worker.state == "running" and not self.worker.alive:
            return "silent"
        return "quiet" if self.worker.quieted_at and self.worker.state == "running" else self.worker.state


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """Processes, the workers first; those that are gone last."""
    processes = jobs.workers()
    running = jobs.page(JobFilter(status=("running",)), limit=RUNNING)
    alive = [process for process in processes if process.alive]
    workers = [process for process in alive if process.kind == "worker"]
    return {
        "rows": [_row(worker, running.items) for worker in sorted(workers, key=lambda found: found.id)],
        "others": [process for process in alive if process.kind != "worker"],
        "gone": [process for process in processes if not process.alive],
        "versions": sorted({process.version for process in alive}),
        "busy": sum(worker.busy for worker in workers),
        "threads": sum(worker.threads for worker in workers),
        "is_capped": running.next_cursor is not None,
    }


def quiet(jobs: Jobs, ask: Ask) -> Done:
    jobs.quiet_worker(ask.get("id"))
    return Done("/workers", f"{ask.get('id')} starts no more jobs. What runs goes on")


def resume(jobs: Jobs, ask: Ask) -> Done:
    jobs.resume_worker(ask.get("id"))
    return Done("/workers", f"{ask.get('id')} starts jobs again")


def acknowledge(jobs: Jobs, ask: Ask) -> Done:
    jobs.acknowledge_worker(ask.get("id"))
    return Done("/workers", f"{ask.get('id')} is off the list")


def _row(worker: Worker, running: Sequence[JobSummary]) -> Row:
    its_own = [job for job in running if job.worker_id == worker.id]
    return Row(worker, Counter(job.job_type for job in its_own).most_common(), its_own)


listing = Page(path="/workers", title="Workers", template="workers.html", read=read, menu=True)
pages = [listing]
actions = [
    Action(path="/workers/quiet", role=Role.OPERATOR, act=quiet),
    Action(path="/workers/resume", role=Role.OPERATOR, act=resume),
    Action(path="/workers/acknowledge", role=Role.OPERATOR, act=acknowledge),
]
