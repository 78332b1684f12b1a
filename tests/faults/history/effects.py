"""What handlers did: one line per effect, appended atomically to a file outside of PostgreSQL and Redis."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from aeon_jobs.actors import current_job
from tests.faults.history.record import Effect

VARIABLE = "EFFECTS_LOG"


def effect(what: str) -> None:
    """Write an effect of the current job."""
    job = current_job()
    # The monotonic clock is the same for all processes of the machine. The other clocks may be skewed.
    line = f"{job.id} {job.attempt} {what} {time.monotonic():.6f}\n"
    descriptor = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def read(path: Path) -> Iterator[Effect]:
    # One difference for all lines.
    unix_minus_monotonic = time.time() - time.monotonic()
    for line in path.read_text().splitlines():
        job_id, attempt, what, at = line.split()
        yield Effect(job_id, int(attempt), what, float(at) + unix_minus_monotonic)
