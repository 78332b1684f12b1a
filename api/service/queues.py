"""Queues: how long they are, who serves them; pause, resume, limit, purge, delete.

A queue exists when a job type, a job, a live worker or a setting names it. A name that nothing knows is refused: it is a
misspelt one.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection

from aeon_jobs.api.contract import (
    BatchAnswer,
    JobFilter,
    JobSelection,
    Queue,
    QueueLimit,
    QueuePause,
    QueuePurge,
    Status,
)
from aeon_jobs.api.service.bulk import BulkUseCases
from aeon_jobs.api.service.core.errors import NotFound, StillInUse
from aeon_jobs.api.service.core.use_cases import shown
from aeon_jobs.api.service.core.validation import read
from aeon_jobs.persistence.admin import bulk
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.core.payloads import is_storable
from aeon_jobs.persistence.queue import queues

LONGEST_NAME = 100
_WAITING: tuple[Status, ...] = ("pending", "queued")


class QueueUseCases(BulkUseCases):
    def queues(self) -> list[Queue]:
        """Every queue, by name."""
        with self.context.database.connection() as connection:
            return self._every_queue(connection)

    def queue(self, name: str) -> Queue:
        """
        Raises:
            NotFound
        """
        with self.context.database.connection() as connection:
            return self._queue(connection, name)

    def pause_queue(self, name: str, *, reason: str | None = None) -> Queue:
        """Nothing more of it is started; what runs goes on.

        Raises:
            NotFound
        """
        reason = read(QueuePause, {"reason": reason}).reason
        with self.context.database.transaction() as connection:
            self._refuse_unknown(connection, name)
            if queues.pause(connection, name, by=self.principal.name, reason=reason):
                self._audit(connection, "queue.pause", ("queue", name), reason=reason)
            return self._queue(connection, name)

    def resume_queue(self, name: str) -> Queue:
        """
        Raises:
            NotFound
        """
        with self.context.database.transaction() as connection:
            self._refuse_unknown(connection, name)
            if queues.resume(connection, name):
                self._audit(connection, "queue.resume", ("queue", name))
        self.context.notifier.job_ready()
        return self._after(name)

    def limit_queue(self, name: str, max_running: int | None) -> Queue:
        """So many of its jobs at once, over all workers; None: no limit.

        Raises:
            NotFound, InvalidJob
        """
        most = read(QueueLimit, {"max_running": max_running}).max_running
        with self.context.database.transaction() as connection:
            self._refuse_unknown(connection, name)
            queues.limit(connection, name, most)
            self._audit(connection, "queue.limit", ("queue", name), after={"max_running": most})
        self.context.notifier.job_ready()
        return self._after(name)

    def purge_queue(self, name: str, *, dry_run: bool = False, reason: str | None = None) -> BatchAnswer:
        """Cancel its jobs that wait, the oldest 10,000; those that run go on.

        Raises:
            NotFound
        """
        request = read(QueuePurge, {"dry_run": dry_run, "reason": reason})
        with self.context.database.connection() as connection:
            self._refuse_unknown(connection, name)
        which = JobFilter(queue_name=name, status=_WAITING)
        selected = JobSelection(filter=which, dry_run=request.dry_run, reason=request.reason)
        work = partial(bulk.cancel, by=self.principal.name, reason=request.reason)
        return self._change_jobs(selected, "cancel", work)

    def delete_queue(self, name: str) -> None:
        """Forget what was set for a queue that nothing uses any more: it is gone.

        Raises:
            NotFound
            StillInUse: a job type, a job or a live worker names it.
        """
        with self.context.database.transaction() as connection:
            was_known = name in queues.names(connection, self.context.worker_silence_ms)
            was_set = queues.delete(connection, name)
            if not was_known:
                raise self._not_found(connection, name)
            if name in queues.names(connection, self.context.worker_silence_ms):
                raise StillInUse(f"queue {name} is used by a job type, a job or a live worker", "in_use")
            if was_set:
                self._audit(connection, "queue.delete", ("queue", name))

    def _after(self, name: str) -> Queue:
        with self.context.database.connection() as connection:
            return self._queue(connection, name)

    def _queue(self, connection: Connection, name: str) -> Queue:
        for queue in self._every_queue(connection):
            if queue.name == name:
                return queue
        raise self._not_found(connection, name)

    def _every_queue(self, connection: Connection) -> list[Queue]:
        return [shown(Queue, queue) for queue in queues.every(connection, self.context.worker_silence_ms)]

    def _refuse_unknown(self, connection: Connection, name: str) -> None:
        if not (0 < len(name) <= LONGEST_NAME and is_storable(name)):
            raise InvalidJob.at("name", f"must be 1 to {LONGEST_NAME} characters of plain text")
        if name not in queues.names(connection, self.context.worker_silence_ms):
            raise self._not_found(connection, name)

    def _not_found(self, connection: Connection, name: str) -> NotFound:
        return NotFound.named("queue", name, queues.names(connection, self.context.worker_silence_ms))
