"""The job types that are measured: they do as little as possible."""

from __future__ import annotations

import time

from aeon_jobs import Limit, Rate
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


@job(concurrency=Limit(1_000))
def bench_limited(tenant: int = 0) -> None:
    """The cost of a limit that holds nobody back."""


@job(rate=Rate(1_000_000))
def bench_rated(tenant: int = 0) -> None:
    """The cost of a rate that holds nobody back."""


@job(concurrency=Limit(5, key="payload.tenant"))
def bench_keyed(tenant: int = 0) -> None:
    """The cost of a limit for each key."""


@job(concurrency=Limit(5, key="payload.tenant", strategy="round_robin"))
def bench_of_tenants(tenant: int = 0) -> None:
    """The cost of keys that take turns."""


TYPES = (
    bench_nothing,
    bench_stamp,
    bench_nap,
    bench_payload,
    bench_sleep,
    bench_limited,
    bench_rated,
    bench_keyed,
    bench_of_tenants,
)
