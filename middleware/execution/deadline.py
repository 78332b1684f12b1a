"""Enforce timeout_ms, and the heartbeat of the job type: first ask, then take the job away.

1. At the deadline JobTimedOut is raised in the handler's thread; a handler between two Python steps stops right there.
2. A thread that sits in a C call does not notice. After a grace its attempt is recorded as timed out all the same, and its
   lease is no longer renewed: whatever the thread still does is superseded. The thread itself is lost to the process until
   the call returns; `heartbeat` replaces a process with too many of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Condition, Thread

import structlog
from dramatiq import Broker, MessageProxy, Worker
from dramatiq.middleware import Middleware

from aeon_jobs.middleware.execution.outcomes import JobStalled, JobTimedOut
from aeon_jobs.middleware.execution.recorder import Recorder
from aeon_jobs.middleware.execution.retries import verdict_on
from aeon_jobs.middleware.execution.running import CurrentJob, Running, active_job
from aeon_jobs.middleware.execution.state import settle
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue.submissions import NO_TIMEOUT_MS

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Due:
    at: float
    is_last: bool
    """The handler was interrupted before, and has not stopped."""


class Deadline(Middleware):
    def __init__(self, recorder: Recorder, running: Running, settings: Settings) -> None:
        self._recorder = recorder
        self._running = running
        self._grace_s = settings.job_interrupt_grace / 1_000
        self._due: dict[CurrentJob, _Due] = {}
        self._wakes_at = float("inf")
        """When the watch looks next. A job whose deadline is later needs not wake it: it costs nothing."""
        self._changed = Condition()
        self._stopping = False
        self._thread: Thread | None = None
        self.stuck: set[CurrentJob] = set()
        """Attempts that were settled while their thread could not be stopped."""

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        self._broker = broker
        self._stopping = False
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
            timeout_ms = job.claimed.timeout_ms
            job.deadline_at = float("inf") if timeout_ms == NO_TIMEOUT_MS else time.monotonic() + timeout_ms / 1_000
            self._arm(min(job.deadline_at, job.heard_at + self._heartbeat_s(job)), job, is_last=False)

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
                self._due.pop(job, None)

    def see_to(self, job: CurrentJob) -> None:
        """A handler was interrupted for another reason than its deadline: if it does not stop either, abandon it."""
        self._arm(time.monotonic() + self._grace_s, job, is_last=True)

    def _arm(self, moment: float, job: CurrentJob, *, is_last: bool) -> None:
        with self._changed:
            self._due[job] = _Due(moment, is_last)
            if moment < self._wakes_at:
                self._changed.notify()

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not (found := self._next_due()) and not self._stopping:
                    self._changed.wait(None if self._wakes_at == float("inf") else self._wakes_at - time.monotonic())
                if self._stopping or found is None:
                    return
                job, is_last = found
                if is_last and job.verdict is None:
                    # Before the entry is removed: a handler that ends at this moment removes itself.
                    self.stuck.add(job)
            try:
                self._abandon(job) if is_last else self._interrupt(job)
            except Exception:  # noqa: BLE001 (logged; the watch goes on for the others)
                _log.exception("deadline not enforced", job_id=str(job.id))

    def _next_due(self) -> tuple[CurrentJob, bool] | None:
        """A job whose deadline has passed; it is not watched any more."""
        now = time.monotonic()
        for job, due in self._due.items():
            if due.at <= now:
                del self._due[job]
                return job, due.is_last
        self._wakes_at = min((due.at for due in self._due.values()), default=float("inf"))
        return None

    def _interrupt(self, job: CurrentJob) -> None:
        stalled_at = job.heard_at + self._heartbeat_s(job)
        if time.monotonic() < min(job.deadline_at, stalled_at):
            # It was heard of meanwhile.
            self._arm(min(job.deadline_at, stalled_at), job, is_last=False)
            return
        job.interrupt(JobStalled if stalled_at < job.deadline_at else JobTimedOut)
        self._arm(time.monotonic() + self._grace_s, job, is_last=True)

    def _heartbeat_s(self, job: CurrentJob) -> float:
        heartbeat_ms = self._broker.get_actor(job.job_type).options["definition"].heartbeat_ms
        return float("inf") if heartbeat_ms is None else heartbeat_ms / 1_000

    def _abandon(self, job: CurrentJob) -> None:
        if job.verdict is not None:
            return
        definition = self._broker.get_actor(job.job_type).options["definition"]
        why = job.stopped_by or JobTimedOut
        job.verdict = verdict_on(definition, job, why())
        _log.error("handler does not stop; its attempt ends without it", job_id=str(job.id), why=why.__name__)
        self._running.remove(job)
        job.was_abandoned = True
        for tell in job.on_abandoned:
            tell()
        # In a thread of its own: PostgreSQL may be away, and the other deadlines must not wait for it.
        Thread(target=settle, args=(self._recorder, job), name="aeon-abandon", daemon=True).start()
