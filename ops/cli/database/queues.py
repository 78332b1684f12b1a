"""Queues, and the processes and job types that serve them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from aeon_jobs.api.client import views
from aeon_jobs.ops.cli.database.likeness import like
from aeon_jobs.ops.cli.database.office import Office, refuse_unfit
from aeon_jobs.ops.cli.exit_codes import Refusal
from aeon_jobs.persistence.admin import retired_workers
from aeon_jobs.persistence.core.errors import JobsError
from aeon_jobs.persistence.core.models import Worker
from aeon_jobs.persistence.queue import job_types, queues, workers


class WorkerNotFound(JobsError, LookupError):
    def __init__(self, worker_id: str) -> None:
        super().__init__(f"no process {worker_id!r:.120}")


class QueueNotFound(JobsError, LookupError):
    def __init__(self, name: str) -> None:
        super().__init__(f"no queue {name!r:.120}")


class StillAlive(Refusal):
    def __init__(self, worker_id: str, state: str) -> None:
        super().__init__(f"{worker_id} is {state}: only a stopped or lost process can be taken off")


class Queues(Office):
    def queues(self) -> list[views.Queue]:
        with self.database.connection() as connection:
            return self._every_queue(connection)

    def pause_queue(self, name: str, *, reason: str | None = None) -> views.Queue:
        refuse_unfit("name", name, 100)
        with self.database.transaction() as connection:
            if queues.pause(connection, name, by=self.actor, reason=reason):
                self.note(connection, "queue.pause", ("queue", name), reason=reason)
            return self._queue(connection, name)

    def resume_queue(self, name: str) -> views.Queue:
        with self.database.transaction() as connection:
            if queues.resume(connection, name):
                self.note(connection, "queue.resume", ("queue", name))
            found = self._queue(connection, name)
        self.hints.job_ready()
        return found

    def limit_queue(self, name: str, max_running: int | None) -> views.Queue:
        refuse_unfit("name", name, 100)
        with self.database.transaction() as connection:
            queues.limit(connection, name, max_running)
            self.note(connection, "queue.limit", ("queue", name), after={"max_running": max_running})
            found = self._queue(connection, name)
        self.hints.job_ready()
        return found

    def workers(self) -> list[views.Worker]:
        with self.database.connection() as connection:
            rows = workers.every(connection)
        silent_since = datetime.now(UTC) - timedelta(milliseconds=self.silence_ms)
        return [like(views.Worker, row, alive=is_alive(row, silent_since)) for row in rows]

    def acknowledge_worker(self, worker_id: str) -> None:
        """
        Raises:
            WorkerNotFound
            StillAlive.
        """
        with self.database.transaction() as connection:
            if not retired_workers.forget(connection, worker_id):
                states = {row.id: row.state for row in workers.every(connection)}
                if worker_id not in states:
                    raise WorkerNotFound(worker_id)
                raise StillAlive(worker_id, states[worker_id])
            self.note(connection, "worker.acknowledge", ("worker", worker_id))

    def job_types(self) -> list[views.JobType]:
        with self.database.connection() as connection:
            return [like(views.JobType, row) for row in job_types.every(connection)]

    def _queue(self, connection: Connection, name: str) -> views.Queue:
        # It has a row of its own by now, or is known from its jobs; resuming one that nobody knows changes nothing.
        for queue in self._every_queue(connection):
            if queue.name == name:
                return queue
        raise QueueNotFound(name)

    def _every_queue(self, connection: Connection) -> list[views.Queue]:
        return [like(views.Queue, queue) for queue in queues.every(connection, self.silence_ms)]


def is_alive(row: Worker, silent_since: datetime) -> bool:
    return row.state in {"running", "stopping"} and row.last_seen_at > silent_since
