"""The job types that are measured: they do as little as possible."""

from __future__ import annotations

import time

from aeon_jobs.actors import current_job, job


@job
def bench_nothing(n: int = 0) -> None:
    """The cost of a job itself."""


@job
def bench_stamp(sent: float) -> float:
    """Seconds from `sent` (Unix time) to the first line of the handler."""
    return time.time() - sent


@job
def bench_nap(seconds: float) -> None:
    """Sleeps in small steps, as a well-behaved handler does."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))
        current_job().check()


@job
def bench_payload(data: str) -> None:
    """Carries a payload of a given size."""


@job
def bench_sleep(seconds: float) -> list[float]:
    """When it began and when it ended, in Unix time: of what the thread did in between."""
    began = time.time()
    time.sleep(seconds)
    return [began, time.time()]


TYPES = (bench_nothing, bench_stamp, bench_nap, bench_payload, bench_sleep)
