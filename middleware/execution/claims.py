"""Jobs of this process that are claimed and not begun.

The consumer claims all that one fetch brought with one statement, and their payloads come along. So a thread begins a job
without asking the database. What is not begun is given back when the worker stops, and when it waited too long behind others.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import takewhile
from threading import Lock
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.middleware.execution.outcomes import LeaseLost
from aeon_jobs.middleware.execution.recorder import Recorder
from aeon_jobs.middleware.execution.running import CurrentJob, Running
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.logs import Logger
from aeon_jobs.persistence.hints import Hints

Dispatched = tuple[UUID, int]
"""(job id, dispatch_seq)"""

_log = Logger(__name__)


class Claims:
    def __init__(self, database: Database, hints: Hints, recorder: Recorder, running: Running) -> None:
        self._database = database
        self._hints = hints
        self._recorder = recorder
        self._running = running
        self._waiting: dict[Dispatched, CurrentJob] = {}
        self._returning = Lock()
        self._unreturned: list[CurrentJob] = []
        """What could not be given back yet, for PostgreSQL did not answer. Nobody begins it; its leases are renewed."""

    def claim(self, dispatches: Sequence[Dispatched]) -> dict[Dispatched, str]:
        """Claim dispatches; the job types of those that this process has now. The others are void, and so are all of them
        when PostgreSQL cannot be asked: the dispatcher finds jobs that are still queued."""
        try:
            claimed = self._recorder.claim(dispatches)
        except SQLAlchemyError as error:
            _log.warning("jobs not claimed", jobs=len(dispatches), error=str(error).splitlines()[0])
            return {}
        for dispatched, entry in claimed.items():
            crash("claim.committed")
            if entry.attempt > 1 and entry.retry_count == 0:
                # A flag of the job's earlier life must not meet this one. A cancellation of this one stands in PostgreSQL.
                self._hints.lower_cancel_flag(entry.id)
            job = CurrentJob(entry, self._database, self._recorder)
            self._running.add(job)
            self._waiting[dispatched] = job
        return {dispatched: entry.job_type for dispatched, entry in claimed.items()}

    def begin(self, dispatched: Dispatched) -> CurrentJob | None:
        """The claimed job, for the thread that runs it; None if it was given back, or was taken away meanwhile."""
        job = self._waiting.pop(dispatched, None)
        if job is None:
            return None
        if job.stopped_by is LeaseLost:
            self._forget([job])
            return None
        job.begun_at = job.heard_at = time.monotonic()
        job.has_thread = True
        return job

    def give_back(self, dispatches: Iterable[Dispatched]) -> None:
        """Let other processes have jobs that were not begun. No attempt is counted. What PostgreSQL does not hear now is told
        again with the next call."""
        jobs = [job for dispatched in dispatches if (job := self._waiting.pop(dispatched, None))]
        with self._returning:
            if not (jobs := self._unreturned + jobs):
                return
            self._unreturned = jobs
            try:
                self._recorder.unclaim([job.claimed for job in jobs if job.claimed])
            except SQLAlchemyError as error:
                _log.warning("jobs not given back yet", jobs=len(jobs), error=str(error).splitlines()[0])
                return
            self._unreturned = []
        self._forget(jobs)
        self._hints.job_ready()

    def waiting_for(self, seconds: float) -> list[Dispatched]:
        """Those that were claimed so long ago and are not begun."""
        since = time.monotonic() - seconds
        waiting = list(self._waiting.items())
        # The oldest stand first.
        return [dispatched for dispatched, _ in takewhile(lambda entry: entry[1].begun_at < since, waiting)]

    def _forget(self, jobs: Iterable[CurrentJob]) -> None:
        for job in jobs:
            self._running.remove(job)
            if job.claimed:
                self._recorder.forget(job.claimed)

    def flush(self, timeout_s: float) -> None:
        """Wait until all outcomes of this process are recorded."""
        self._recorder.outbox.flush(timeout_s)
