"""Prove that this process is alive and runs its jobs.

One thread per worker process: every WORKER_HEARTBEAT_INTERVAL it renews the leases of all running attempts with one
statement, proves life in the workers table and in Redis. An attempt that is missing from the answer was taken away: its
handler is interrupted. On the way it looks after what dramatiq does not: a dead worker thread, a dead parent, a blocked loop.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Lock, Thread

import structlog
from dramatiq import Broker, Worker
from dramatiq.middleware import Middleware
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.middleware.execution.async_handlers import Pulse, is_loop_dead
from aeon_jobs.middleware.execution.deadline import Deadline
from aeon_jobs.middleware.execution.outcomes import JobCancelled, LeaseLost
from aeon_jobs.middleware.execution.recorder import Recorder
from aeon_jobs.middleware.execution.running import CurrentJob, Running
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.hints import Hints
from aeon_jobs.persistence.queue import executions, job_types, workers
from aeon_jobs.persistence.queue.process import registration
from aeon_jobs.persistence.schedules import declared

LOOP_TIMEOUT_S = 5.0
CONFLICTS_EVERY_S = 60.0

_log = structlog.get_logger(__name__)


class Heartbeat(Middleware):
    def __init__(
        self,
        database: Database,
        hints: Hints,
        running: Running,
        recorder: Recorder,
        deadline: Deadline,
        settings: Settings,
    ) -> None:
        """`database` is this one's alone: it must not wait for connections that handlers have."""
        self._database = database
        self._hints = hints
        self._running = running
        self._settings = settings
        self._recorder = recorder
        self._deadline = deadline
        self._pulse = Pulse()
        self._stop = Event()
        self._renewing = Lock()
        self._thread: Thread | None = None
        self._parent = os.getppid()
        self._is_ending = False
        self._conflicts: set[str] = set()

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        self._worker = worker
        self._parent = os.getppid()
        definitions = broker.definitions  # type: ignore[attr-defined]
        declared = broker.get_declared_queues() | broker.job_queues  # type: ignore[attr-defined]
        lane = broker.lane  # type: ignore[attr-defined]
        queues = sorted((worker.consumer_whitelist or declared) - {lane})
        self._registration = registration(
            "worker",
            self._settings.worker_id,
            broker_id=broker.broker_id,  # type: ignore[attr-defined]
            queues=queues,
            job_types=sorted(definitions),
            lane=lane,
            schema_digests={name: definition.schema_digest for name, definition in definitions.items()},
            threads=worker.worker_threads,
        )
        self._definitions = list(definitions.values())
        self._broker = broker
        broker.is_registered = False  # type: ignore[attr-defined]
        self._recorder.worker_id = self._registration.id

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        self._stop.clear()
        self._is_ending = False
        self._thread = Thread(target=self._beat_on, name="aeon-heartbeat", daemon=True)
        self._thread.start()

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        # From here on, the end of a worker thread is intended.
        self._is_ending = True
        self._try(lambda: self._change_state("stopping"))

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        self._try(lambda: self._change_state("stopped"))
        self._database.dispose()
        self._hints.forget_worker(self._registration.id)

    def renew(self) -> None:
        """Renew every lease now, and stop the handlers of jobs that were cancelled or lost."""
        with self._renewing:
            self._try(self._renew)

    def _beat_on(self) -> None:
        interval_s = self._settings.worker_heartbeat_interval / 1_000
        beat_at = conflicts_at = 0.0
        while True:
            is_announced = self._broker.is_registered or self._announce()  # type: ignore[attr-defined]
            if is_announced and time.monotonic() >= beat_at:
                beat_at = time.monotonic() + interval_s
                self.renew()
                self._try(self._beat)
                self._hints.heartbeat(self._registration.id)
            if is_announced and time.monotonic() >= conflicts_at:
                conflicts_at = time.monotonic() + CONFLICTS_EVERY_S
                self._try(self._warn_of_conflicts)
            if self._stop.wait(min(1.0, interval_s)):
                return
            self._look_after_process()

    def _announce(self) -> bool:
        is_known = self._try(self._register)
        if is_known:
            self._try(self._sync_schedules)
            self._hints.job_ready()
        return is_known

    def _sync_schedules(self) -> None:
        """After the job types: a schedule needs its own."""
        with self._database.transaction() as connection:
            declared.sync(connection, list(self._broker.schedules.values()), datetime.now(UTC))  # type: ignore[attr-defined]

    def _register(self) -> None:
        """Job types, then the worker: it gets nothing to do before both stand."""
        with self._database.transaction() as connection:
            job_types.register(connection, self._definitions)
            workers.register(connection, self._registration)
        self._broker.introduced.update(definition.name for definition in self._definitions)  # type: ignore[attr-defined]
        self._broker.is_registered = True  # type: ignore[attr-defined]
        self._broker.wakeup.set()  # type: ignore[attr-defined]

    def _warn_of_conflicts(self) -> None:
        """Each service is told, whichever started first."""
        with self._database.connection() as connection:
            found = workers.schema_conflicts(connection, self._settings.worker_lock_duration)
        conflicts = set(found) & set(self._registration.job_types)
        for name in sorted(conflicts - self._conflicts):
            _log.warning(
                "another service defines this job type with another payload schema: the last to start defines it",
                job_type=name,
                workers=found[name],
            )
        self._conflicts = conflicts

    def _beat(self) -> None:
        with self._database.connection() as connection:
            is_quiet = workers.beat(connection, self._registration.id, len(self._running.in_threads()))
            if is_quiet is None:
                workers.register(connection, self._registration)
        if self._broker.is_quiet != bool(is_quiet):  # type: ignore[attr-defined]
            self._broker.is_quiet = bool(is_quiet)  # type: ignore[attr-defined]
            _log.info("worker is quiet: it begins nothing new" if is_quiet else "worker begins jobs again")

    def _renew(self) -> None:
        held = {(job.id, job.attempt): job for job in self._running.every()}
        if not held:
            return
        with self._database.connection() as connection:
            renewals = executions.renew(connection, list(held), lease_ms=self._settings.worker_lock_duration)
        for renewal in renewals:
            job = held.pop((renewal.id, renewal.attempt))
            if renewal.cancel_requested:
                self._cancel(job, renewal.cancel_reason)
        for job in held.values():
            if job.interrupt(LeaseLost):
                _log.warning("job lost: it was taken back", job_id=str(job.id), attempt=job.attempt)

    def _cancel(self, job: CurrentJob, reason: str | None) -> None:
        job.cancel_reason = reason
        if job.stopped_by is None:
            job.interrupt(JobCancelled)
            if job.has_thread:
                # One that waits for a thread is stopped before its handler begins: it needs no watch, and no thread is stuck.
                self._deadline.see_to(job)
            _log.info("job cancelled: handler interrupted", job_id=str(job.id), reason=reason)

    def _change_state(self, state: str) -> None:
        with self._database.connection() as connection:
            workers.change_state(connection, self._registration.id, state)  # type: ignore[arg-type]

    def _look_after_process(self) -> None:
        """dramatiq goes on after the death of a worker thread or of the master process; neither can be mended in here."""
        if self._is_ending:
            return
        if any(not thread.is_alive() for thread in self._worker.workers):
            self._end("a worker thread died")
        elif os.getppid() != self._parent:
            self._end("the parent process died")
        elif is_loop_dead():
            self._end("the event loop died")
        elif self._is_loop_lost():
            self._end("the event loop is blocked by a handler whose attempt is over")
        elif len(self._deadline.stuck) >= self._worker.worker_threads and not self._recorder.unrecorded:
            # All attempts are recorded, and no thread will end: there is nothing to wait for.
            _log.critical("worker process ends itself, to be replaced", why="every thread is stuck")
            os._exit(1)

    def _is_loop_lost(self) -> bool:
        """Not while the attempt that blocks it may still be running: its own deadline comes first, and counts."""
        since = self._pulse.missed_since()
        if since is None or time.monotonic() - since < LOOP_TIMEOUT_S:
            return False
        return all(job.begun_at > since for job in self._running.in_threads())

    def _end(self, why: str) -> None:
        self._is_ending = True
        _log.critical("worker process ends itself, to be replaced", why=why)
        os.kill(os.getpid(), signal.SIGTERM)

    def _try(self, step: Callable[[], None]) -> bool:
        try:
            step()
        except SQLAlchemyError as error:
            _log.warning("PostgreSQL does not answer", error=str(error).splitlines()[0])
            return False
        except Exception:  # noqa: BLE001 (logged; without this thread every lease of the process would end)
            _log.exception("heartbeat failed; it goes on")
            return False
        return True
