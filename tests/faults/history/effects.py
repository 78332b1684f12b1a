"""What handlers really did: one line per effect, appended atomically to a file outside both stores."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from aeon_jobs.actors import current_job
from tests.faults.history.record import Effect

VARIABLE = "EFFECTS_LOG"


def effect(what: str) -> None:
    """Note an effect of the current job."""
    job = current_job()
    # The monotonic clock: one for all processes of the machine, and not skewed with the others.
    line = f"{job.id} {job.attempt} {what} {time.monotonic():.6f}\n"
    descriptor = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def read(path: Path) -> Iterator[Effect]:
    # Asked once: the same difference for every line.
    unix_minus_monotonic = time.time() - time.monotonic()
    for line in path.read_text().splitlines():
        job_id, attempt, what, at = line.split()
        yield Effect(job_id, int(attempt), what, float(at) + unix_minus_monotonic)
