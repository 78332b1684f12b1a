"""The job type of the load."""

from __future__ import annotations

import os
import time

from aeon_jobs.actors import current_job, job

EFFECTS = "REHEARSAL_EFFECTS"
"""Names the file that gets a line for each run of a handler."""


@job
def rehearse(seconds: float = 0.02) -> None:
    """Note the run, and take a while."""
    line = f"{current_job().id} {time.time()}\n"
    file = os.open(os.environ[EFFECTS], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)
    time.sleep(seconds)
