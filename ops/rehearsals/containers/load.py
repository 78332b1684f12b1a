"""Jobs without a pause, by plain INSERT from psql, and their count."""

from __future__ import annotations

import subprocess
import threading
import time
from types import TracebackType

from aeon_jobs.ops.rehearsals.containers.deployment import Deployment
from aeon_jobs.ops.rehearsals.containers.report import check

PORTION, PAUSE_S = 10, 0.5
INSERT = """
INSERT INTO jobs (job_type, payload)
SELECT 'rehearsal', jsonb_build_object('number', g) FROM generate_series(1, 10) g
"""
COUNTS = """
SELECT count(*), count(*) FILTER (WHERE status = 'completed'),
    count(*) FILTER (WHERE status IN ('failed', 'cancelled')) FROM jobs WHERE job_type = 'rehearsal'
"""


class Load:
    """In a `with`: jobs are submitted as long as it lasts. What PostgreSQL has accepted counts."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.submitted, self.refused = 0, 0
        self._stop = threading.Event()

    def __enter__(self) -> Load:
        self._stop.clear()
        self._thread = threading.Thread(target=self._submit, name="load")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _submit(self) -> None:
        while not self._stop.wait(PAUSE_S):
            try:
                self._deployment.sql(INSERT)
                self.submitted += PORTION
            except subprocess.CalledProcessError:
                self.refused += PORTION

    def check_complete(self, timeout_s: float = 180) -> str:
        """Every accepted job has completed: no more, no less.

        Raises:
            Failed
        """
        ends_at = time.monotonic() + timeout_s
        while True:
            stored, completed, bad = map(int, self._deployment.sql(COUNTS).split("|"))
            if completed + bad == self.submitted or time.monotonic() > ends_at:
                break
            time.sleep(1)
        check(self.refused == 0, f"{self.refused} INSERTs were refused")
        check(
            (stored, completed, bad) == (self.submitted, self.submitted, 0),
            f"submitted {self.submitted}, stored {stored}, completed {completed}, failed {bad} {self._why() if bad else ''}",
        )
        return f"submitted {self.submitted} = completed {completed}, failed 0"

    def _why(self) -> str:
        return self._deployment.sql("SELECT error_message FROM jobs WHERE status = 'failed' LIMIT 1")[:500]
