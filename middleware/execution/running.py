"""The attempts that this process runs, and `current_job()` for their handlers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dramatiq.threading import Interrupt

from aeon_jobs.middleware.execution.interrupts import Gate
from aeon_jobs.middleware.execution.outcomes import JobCancelled, LeaseLost
from aeon_jobs.middleware.execution.results import storable
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.database import Database, get_database
from aeon_jobs.persistence.core.ids import new_job_id
from aeon_jobs.persistence.queue import executions
from aeon_jobs.persistence.queue.executions import Claimed, Ended
from aeon_jobs.persistence.queue.states import Verdict, completed

if TYPE_CHECKING:
    from sqlmodel import Session

    from aeon_jobs.middleware.execution.job_logs import Budget
    from aeon_jobs.middleware.execution.recorder import Recorder
    from aeon_jobs.persistence.schedules.history import ScheduledRun

PROGRESS_INTERVAL_S = 1.0


class CurrentJob:
    """What a handler may know of and do with the job that it runs."""

    def __init__(
        self, claimed: Claimed | None, database: Database | None = None, recorder: Recorder | None = None
    ) -> None:
        self.claimed = claimed
        self.begun_at = time.monotonic()
        """When it was claimed; from the moment a thread has taken it, that moment."""
        self.has_thread = False
        self.gate = Gate()
        self.verdict: Verdict | None = None
        self.result: Any = None
        """What the job's result will be: the handler's return value, or what it sets before a transaction ends."""
        self.is_recorded = False
        """By the handler itself, in a transaction."""
        self.cancel_reason: str | None = None
        self.on_abandoned: list[Callable[[], None]] = []
        """Called when the attempt gets its verdict while its thread cannot be stopped."""
        self.was_abandoned = False
        self.log_budget: Budget | None = None
        """How much it may still log; None: it has logged nothing."""
        self._database = database
        self._recorder = recorder
        self._has_begun = False
        self._stop: type[Interrupt] | None = None
        self._progress_due = 0.0
        self._id = claimed.id if claimed else new_job_id()

    @property
    def id(self) -> UUID:
        return self._id

    @property
    def attempt(self) -> int:
        """1 for the first run. Also the fence: only this attempt may change the job."""
        return self.claimed.attempt if self.claimed else 1

    def begin(self, job_type: str) -> bool:
        """Whether this call of a job type is the worker's. A handler may call its own type, or others, as functions."""
        if self._has_begun or self.job_type != job_type:
            return False
        self._has_begun = True
        return True

    @property
    def worker_id(self) -> str:
        """The worker process that runs the attempt."""
        return self._recorder.worker_id if self._recorder else ""

    @property
    def job_type(self) -> str:
        return self.claimed.job_type if self.claimed else ""

    @property
    def metadata(self) -> dict[str, Any]:
        return self.claimed.metadata if self.claimed else {}

    @property
    def retry_count(self) -> int:
        return self.claimed.retry_count if self.claimed else 0

    @property
    def max_retries(self) -> int:
        return self.claimed.max_retries if self.claimed else 0

    def schedule_run(self) -> ScheduledRun | None:
        """The run of a schedule that this job is: its due time, and the result of the last run that completed. One query.
        None: no schedule made this job.
        """
        from aeon_jobs.persistence.schedules import history

        if self.claimed is None:
            return None
        with (self._database or get_database()).connection() as connection:
            return history.of_job(connection, self.id)

    def check(self) -> None:
        """Between two steps of the work: stop here if the job was cancelled, timed out, or was taken away.

        Raises:
            JobCancelled, JobTimedOut, LeaseLost
        """
        if self._stop:
            raise self._stop

    def progress(self, fraction: float, message: str = "") -> None:
        """Show how far the work is: `fraction` from 0 to 1. Stored at most once a second, and once it reaches 1.

        Checks, as `check` does. A database that does not answer costs a report, never the job.
        """
        if not 0 <= fraction <= 1:
            raise ValueError("progress must be between 0 and 1")
        self.check()
        now = time.monotonic()
        if self.claimed is None or self._database is None or (now < self._progress_due and fraction < 1):
            return
        self._progress_due = now + PROGRESS_INTERVAL_S
        report = {"fraction": round(fraction, 4), "message": message[:500].replace("\0", "")}
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._database.connection() as connection:
                cancelled = executions.report_progress(connection, self.id, self.attempt, report)
        except SQLAlchemyError:
            return
        if cancelled is None:
            self.interrupt(LeaseLost)
        elif cancelled:
            self.interrupt(JobCancelled)
        self.check()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Exactly-once effects: what is written in this session and the job's completion commit together, or neither.

            with current_job().transaction() as session:
                session.add(Invoice(...))
                current_job().result = {"invoice": 7}

        The block is the end of the job: once it is left, the job is completed, whatever the handler does after it. An error
        in the block rolls everything back and counts as the failure of the attempt.

        Raises:
            LeaseLost: the job was taken away meanwhile; nothing of the block was kept.
            JobCancelled, JobTimedOut: nothing of the block was kept.
        """
        from sqlmodel import Session

        with (self._database or get_database()).foreign_transaction() as connection:
            with Session(bind=connection, join_transaction_mode="conditional_savepoint") as session:
                yield session
                session.flush()
            self.check()
            # From here to the commit nothing interrupts: half of it would be neither done nor undone.
            self.gate.close()
            verdict = completed(storable(self.result))
            if self._recorder and self.claimed:
                if not self._recorder.record_in(connection, Ended.of(self.claimed, verdict)):
                    raise LeaseLost
                crash("transaction.recorded")
        crash("transaction.committed")
        # Not before the commit: one that fails must not leave the attempt as completed, its writes gone.
        self.verdict = verdict
        self.is_recorded = self._recorder is not None and self.claimed is not None

    def interrupt(self, exception: type[Interrupt]) -> bool:
        """Stop the handler, from any thread. False: it is over, or was stopped before."""
        if self._stop is None:
            self._stop = exception
        return self.gate.interrupt(exception)

    @property
    def stopped_by(self) -> type[Interrupt] | None:
        """Why the handler was told to stop, if it was."""
        return self._stop


class Running:
    """The attempts that this process has claimed and not recorded, by job and attempt."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._jobs: dict[tuple[UUID, int], CurrentJob] = {}

    def add(self, job: CurrentJob) -> None:
        with self._lock:
            self._jobs[job.id, job.attempt] = job

    def remove(self, job: CurrentJob) -> None:
        with self._lock:
            # Not another claim of that number: one that was given back, or that a crash of PostgreSQL removed, was made again.
            if self._jobs.get((job.id, job.attempt)) is job:
                del self._jobs[job.id, job.attempt]

    def every(self) -> list[CurrentJob]:
        with self._lock:
            return list(self._jobs.values())

    def in_threads(self) -> list[CurrentJob]:
        """Those whose handlers run: without those that wait for a thread, and those that wait for their record."""
        return [job for job in self.every() if job.has_thread and job.verdict is None]


_current: ContextVar[CurrentJob | None] = ContextVar("current_job", default=None)


def current_job() -> CurrentJob:
    """The job that the calling handler runs; outside a worker, a stand-in on which everything is a no-op."""
    return _current.get() or CurrentJob(None, None)


def active_job() -> CurrentJob | None:
    """The job that the calling thread runs, if it runs one."""
    return _current.get()


def set_current(job: CurrentJob | None) -> None:
    _current.set(job)
