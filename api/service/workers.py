"""Workers and the other processes of ours, and whether they live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aeon_jobs.api.contract import Worker
from aeon_jobs.api.service.core.errors import NotFound, NotRunning, StillInUse
from aeon_jobs.api.service.core.use_cases import UseCases, shown
from aeon_jobs.persistence.admin import retired_workers
from aeon_jobs.persistence.queue import workers

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.models import Worker as WorkerRow


class WorkerUseCases(UseCases):
    def workers(self, kind: str | None = None) -> list[Worker]:
        """Every process, or those of a kind, the latest seen first."""
        with self.context.database.connection() as connection:
            rows = workers.every(connection)
        silent_since = datetime.now(UTC) - timedelta(milliseconds=self.context.worker_silence_ms)
        return [_shown(row, silent_since) for row in rows if kind in (None, row.kind)]

    def worker(self, worker_id: str) -> Worker:
        """
        Raises:
            NotFound
        """
        every = self.workers()
        for found in every:
            if found.id == worker_id:
                return found
        raise NotFound.named("process", worker_id, [found.id for found in every])

    def acknowledge_worker(self, worker_id: str) -> None:
        """Take a stopped or lost process off the list, and the alarm with it.

        Raises:
            NotFound
            StillInUse: it lives.
        """
        with self.context.database.transaction() as connection:
            if not retired_workers.forget(connection, worker_id):
                state = self.worker(worker_id).state
                raise StillInUse(f"{worker_id} is {state}: only a stopped or lost process can be taken off", state)
            self._audit(connection, "worker.acknowledge", ("worker", worker_id))

    def quiet_worker(self, worker_id: str) -> Worker:
        """The worker starts no more jobs from its next heartbeat on. What runs goes on.

        Raises:
            NotFound
            NotRunning: it is no worker that runs.
        """
        return self._quiet(worker_id, True)

    def resume_worker(self, worker_id: str) -> Worker:
        """A quiet worker starts jobs again.

        Raises:
            NotFound, NotRunning
        """
        return self._quiet(worker_id, False)

    def _quiet(self, worker_id: str, is_quiet: bool) -> Worker:
        found = self.worker(worker_id)
        with self.context.database.transaction() as connection:
            if not workers.quiet(connection, worker_id, is_quiet):
                raise NotRunning(worker_id, found.state if found.kind == "worker" else f"a {found.kind}")
            self._audit(connection, "worker.quiet" if is_quiet else "worker.resume", ("worker", worker_id))
        return self.worker(worker_id)


def _shown(row: WorkerRow, silent_since: datetime) -> Worker:
    alive = row.state in {"running", "stopping"} and row.last_seen_at > silent_since
    return shown(Worker, row, alive=alive)
