"""The attempts that this process runs, and `current_job()` for their handlers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, TypeVar
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
    from aeon_jobs.middleware.execution.parents import ParentResults
    from aeon_jobs.middleware.execution.recorder import Recorder
    from aeon_jobs.middleware.execution.reporter import Reporter
    from aeon_jobs.middleware.workflows import RunningWorkflow
    from aeon_jobs.persistence.schedules.history import ScheduledRun

T = TypeVar("T")


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
        self._reporter: Reporter | None = None
        self._reported: dict[str, Any] = {}
        self.heard_at = self.begun_at
        """When the handler last called `check` or `progress`."""
        self.deadline_at = float("inf")
        self.stopping: Event | None = None
        self._results: ParentResults | None = None
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

    @property
    def results(self) -> ParentResults:
        """Results of the steps that this one waited for, by their names; each is read when it is asked for."""
        if self._results is None:
            from aeon_jobs.middleware.execution.parents import ParentResults

            database = (self._database or get_database()) if self.claimed else None
            self._results = ParentResults(self.id, database)
        return self._results

    @property
    def workflow(self) -> RunningWorkflow:
        """The workflow of this step, to add steps to."""
        from aeon_jobs.middleware.workflows import RunningWorkflow

        return RunningWorkflow(self)

    def check(self) -> None:
        """Between two steps of the work: stop here if the job was cancelled, timed out, or was taken away.

        Raises:
            JobCancelled, JobTimedOut, LeaseLost
        """
        self.heard_at = time.monotonic()
        if self._stop:
            raise self._stop

    def progress(self, fraction: float, message: str = "") -> None:
        """Show how far the work is: `fraction` from 0 to 1. Stored at most once a second, and once it reaches 1. The last
        report is always stored.

        Checks, as `check` does. A database that does not answer costs a report, never the job.
        """
        if not 0 <= fraction <= 1:
            raise ValueError("progress must be between 0 and 1")
        self.check()
        if self.claimed is None or self._database is None:
            return
        report = {"fraction": round(fraction, 4), "message": message[:500].replace("\0", "")}
        is_news = report != self._reported
        self._reported = report
        self._tell(progress=report, at_once=fraction == 1 and is_news)
        self.check()

    def iterate(
        self,
        source: Iterable[T] | Callable[[Any], Iterable[T]],
        *,
        cursor: Callable[[T], Any] | None = None,
        name: str = "",
    ) -> Iterator[T]:
        """The items of a long loop, which goes on where it stopped when the job runs again; see `iteration`.

            for order in current_job().iterate(orders_after, cursor=lambda order: order.id):
                ship(order)

        An item is done when the loop asks for the next one. After a kill, items of about a second are done again.

        Args:
            source: a function that takes the cursor of the last item that was done (None: begin) and gives the items after
                it. Or, without `cursor`, anything that has the same items in the same order each time: what is done is
                skipped.
            cursor: the cursor of an item: JSON, 8 KiB at most.
            name: of this loop, if the handler has several.

        Raises:
            JobCancelled, JobTimedOut, LeaseLost: as `check`.
            GivenBack: the worker stops, or nine tenths of the timeout have passed. Let it pass.
        """
        from aeon_jobs.middleware.execution.iteration import iterate

        return iterate(self, source, cursor, name)

    def stored_cursor(self, name: str) -> Any:
        """Where the iteration of that name stands; None: at its beginning."""
        if self.claimed is None or self._database is None or self.attempt == 1:
            return None
        with self._database.connection() as connection:
            return executions.checkpoint(connection, self.id).get(name)

    def note_cursor(self, name: str, cursor: Any) -> None:
        """An iteration has done an item."""
        if self.claimed is not None and self._database is not None:
            self._tell(checkpoint={name: cursor})

    def tell_if_due(self) -> None:
        """Store a report that waits, from another thread."""
        if self._reporter:
            self._reporter.store_if_due()

    def tell_last(self) -> None:
        """Store a report that waits, at the end of the attempt."""
        if self._reporter:
            self._reporter.store()

    def _tell(self, *, at_once: bool = False, **told: dict[str, Any]) -> None:
        if self._reporter is None:
            assert self._database is not None
            from aeon_jobs.middleware.execution.reporter import Reporter

            self._reporter = Reporter(self._database, self.id, self.attempt)
        is_cancelled = self._reporter.tell(**told, at_once=at_once)
        if is_cancelled is None:
            self.interrupt(LeaseLost)
        elif is_cancelled:
            self.interrupt(JobCancelled)

    @property
    def worker_stops(self) -> bool:
        return self.stopping is not None and self.stopping.is_set()

    @property
    def is_time_short(self) -> bool:
        """Nine tenths of the timeout have passed."""
        return time.monotonic() >= self.begun_at + 0.9 * (self.deadline_at - self.begun_at)

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
        self.stopping = Event()
        """The worker stops."""

    def add(self, job: CurrentJob) -> None:
        job.stopping = self.stopping
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
