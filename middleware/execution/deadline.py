"""Enforce timeout_ms: first ask, then take the job away.

1. At the deadline JobTimedOut is raised in the handler's thread; a handler between two Python steps stops right there.
2. A thread that sits in a C call does not notice. After a grace its attempt is recorded as timed out all the same, and its
   lease is no longer renewed: whatever the thread still does is superseded. The thread itself is lost to the process until
   the call returns; `heartbeat` replaces a process with too many of them.
"""

from __future__ import annotations

import heapq
import time
from itertools import count
from threading import Condition, Thread

import structlog
from dramatiq import Broker, MessageProxy, Worker
from dramatiq.middleware import Middleware

from aeon_jobs.middleware.execution.outcomes import JobTimedOut
from aeon_jobs.middleware.execution.recorder import Recorder
from aeon_jobs.middleware.execution.retries import verdict_on
from aeon_jobs.middleware.execution.running import CurrentJob, Running, active_job
from aeon_jobs.middleware.execution.state import settle
from aeon_jobs.persistence.core.settings import Settings

_log = structlog.get_logger(__name__)


class Deadline(Middleware):
    def __init__(self, recorder: Recorder, running: Running, settings: Settings) -> None:
        self._recorder = recorder
        self._running = running
        self._grace_s = settings.job_interrupt_grace / 1_000
        self._due: list[tuple[float, int, CurrentJob, bool]] = []
        self._order = count()
        self._changed = Condition()
        self._stopping = False
        self._thread: Thread | None = None
        self.stuck: set[CurrentJob] = set()
        """Attempts that were settled while their thread could not be stopped."""

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        self._broker = broker
        self._thread = Thread(target=self._watch, name="aeon-deadline", daemon=True)
        self._thread.start()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        if (job := active_job()) and job.claimed:
            self._arm(time.monotonic() + job.claimed.timeout_ms / 1_000, job, is_last=False)

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        if job := active_job():
            with self._changed:
                self.stuck.discard(job)
                self._due = [entry for entry in self._due if entry[2] is not job]
                heapq.heapify(self._due)

    def see_to(self, job: CurrentJob) -> None:
        """A handler was interrupted for another reason than its deadline: if it does not stop either, abandon it."""
        self._arm(time.monotonic() + self._grace_s, job, is_last=True)

    def _arm(self, moment: float, job: CurrentJob, *, is_last: bool) -> None:
        with self._changed:
            heapq.heappush(self._due, (moment, next(self._order), job, is_last))
            self._changed.notify()

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not self._stopping and not self._is_due():
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                if self._stopping:
                    return
                _, _, job, is_last = heapq.heappop(self._due)
                if is_last and job.verdict is None:
                    # Before the entry is removed: a handler that ends at this moment removes itself.
                    self.stuck.add(job)
            try:
                self._abandon(job) if is_last else self._interrupt(job)
            except Exception:  # noqa: BLE001 (logged; the watch goes on for the others)
                _log.exception("deadline not enforced", job_id=str(job.id))

    def _is_due(self) -> bool:
        return bool(self._due) and self._due[0][0] <= time.monotonic()

    def _interrupt(self, job: CurrentJob) -> None:
        job.interrupt(JobTimedOut)
        self._arm(time.monotonic() + self._grace_s, job, is_last=True)

    def _abandon(self, job: CurrentJob) -> None:
        if job.verdict is not None:
            return
        definition = self._broker.get_actor(job.job_type).options["definition"]
        why = job.stopped_by or JobTimedOut
        job.verdict = verdict_on(definition, job, why())
        _log.error("handler does not stop; its attempt ends without it", job_id=str(job.id), why=why.__name__)
        self._running.remove(job)
        # In a thread of its own: PostgreSQL may be away, and the other deadlines must not wait for it.
        Thread(target=settle, args=(self._recorder, job), name="aeon-abandon", daemon=True).start()
