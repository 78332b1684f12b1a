"""Operations that are repeated, as generators: they yield operations and are sent the answers. No IO."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from typing import Any

from aeon_jobs.api import contract
from aeon_jobs.api.client import operations
from aeon_jobs.api.client.errors import JobNotOver
from aeon_jobs.api.client.operations import Id, Operation

LONG_POLL_S = 30


def wait(
    job_id: Id, timeout_s: float | None, clock: Callable[[], float] = time.monotonic
) -> Generator[Operation[Any], Any, contract.Job]:
    """Ask until the job is over.

    Raises:
        JobNotOver: after `timeout_s`.
    """
    deadline = math.inf if timeout_s is None else clock() + timeout_s
    left = deadline - clock()
    while True:
        job: contract.Job = yield operations.job(
            job_id, wait_s=min(LONG_POLL_S, max(0, math.ceil(min(left, LONG_POLL_S))))
        )
        left = deadline - clock()
        if job.is_over:
            return job
        if left <= 0:
            raise JobNotOver(job)
