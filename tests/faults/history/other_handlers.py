"""A job type that only the second group of workers knows. The job types of `handlers` are known to both groups."""

from __future__ import annotations

import time

from aeon_jobs import current_job, job
from tests.faults.history.effects import effect


@job
def h_other(seconds: float) -> int:
    effect("began")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)
        current_job().check()
    effect("ran")
    return current_job().attempt
