"""What a running handler tells: its progress, and where its iterations stand. It is stored at most once a second.

The last report is always stored. What comes within the second is stored when the second is over, by a thread of the process;
and at the end of the attempt by the thread of the handler. A job that reports nothing pays nothing.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import executions

INTERVAL_S = 1.0
LOCK_TIMEOUT_MS = 1_000


class Reporter:
    """Of one attempt."""

    def __init__(self, database: Database, job_id: UUID, attempt: int) -> None:
        self._database, self._job_id, self._attempt = database, job_id, attempt
        self._changing, self._storing = Lock(), Lock()
        self._progress: dict[str, Any] | None = None
        self._checkpoint: dict[str, Any] = {}
        self._due = 0.0

    def tell(
        self, progress: dict[str, Any] | None = None, checkpoint: dict[str, Any] | None = None, *, at_once: bool = False
    ) -> bool | None:
        """Store a report, now or within the second. The answer is that of `executions.report_progress`; False if it waits."""
        with self._changing:
            self._progress = progress or self._progress
            self._checkpoint = {**self._checkpoint, **(checkpoint or {})}
        return self.store() if at_once or time.monotonic() >= self._due else False

    def store_if_due(self) -> None:
        """For another thread than the handler's. It does not wait for the handler's."""
        if (self._progress or self._checkpoint) and time.monotonic() >= self._due and not self._storing.locked():
            self.store()

    def store(self) -> bool | None:
        """Store what waits. A database that does not answer costs a report, never the job."""
        with self._storing:
            with self._changing:
                progress, checkpoint = self._progress, self._checkpoint
                self._progress, self._checkpoint = None, {}
            if not (progress or checkpoint):
                return False
            self._due = time.monotonic() + INTERVAL_S
            is_stored = False
            try:
                with self._database.connection() as connection:
                    limited = connection.execution_options(job_lock_ms=LOCK_TIMEOUT_MS)
                    answer = executions.report_progress(limited, self._job_id, self._attempt, progress, checkpoint)
                is_stored = True
            except SQLAlchemyError:
                return False
            finally:
                if not is_stored:
                    # Also when the handler is interrupted in here.
                    with self._changing:
                        self._progress = self._progress or progress
                        self._checkpoint = {**checkpoint, **self._checkpoint}
            return answer
