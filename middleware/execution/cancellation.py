"""Carry a cancellation to the handler that runs the job.

The request is in the database; the key `job:cancel:{id}` in Redis only makes it faster. Twice a second, while anything
runs, one command looks for flags. Without Redis the request is seen at the next renewal of the lease.

On the way it stores the reports of handlers that waited for their second (`reporter`).
"""

from __future__ import annotations

from threading import Event, Thread
from uuid import UUID

import structlog
from dramatiq import Broker, Worker
from dramatiq.middleware import Middleware
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.middleware.execution.heartbeat import Heartbeat
from aeon_jobs.middleware.execution.running import Running
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import JobsError
from aeon_jobs.persistence.hints import Hints
from aeon_jobs.persistence.queue import jobs

LOOK_S = 0.5

_log = structlog.get_logger(__name__)


class Cancellation(Middleware):
    def __init__(self, database: Database, hints: Hints, running: Running, heartbeat: Heartbeat) -> None:
        self._database = database
        self._hints = hints
        self._running = running
        self._heartbeat = heartbeat
        self._stop = Event()
        self._thread: Thread | None = None

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        self._stop.clear()
        self._thread = Thread(target=self._watch, name="aeon-cancellation", daemon=True)
        self._thread.start()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_S):
            running = self._running.every()
            for job in running:
                job.tell_if_due()
            flagged = self._hints.cancelled([job.id for job in running])
            if flagged:
                self._request(flagged)
                self._heartbeat.renew()

    def _request(self, job_ids: list[UUID]) -> None:
        """Store the request in PostgreSQL too: the key may have been set by hand."""
        for job_id in job_ids:
            try:
                with self._database.connection() as connection:
                    jobs.cancel(connection, job_id, reason="flag job:cancel was raised")
            except (JobsError, SQLAlchemyError) as error:
                _log.debug("cancellation flag without effect", job_id=str(job_id), error=str(error))
            self._hints.lower_cancel_flag(job_id)
