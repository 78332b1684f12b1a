"""How fast jobs are stored, one by one and in bulk, by one client."""

from __future__ import annotations

import time
from collections.abc import Iterator

from aeon_jobs.ops.benchmarks.figure import Figure, percentiles
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System

BATCH = 5_000


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    from aeon_jobs.ops.benchmarks.handlers import bench_nothing

    taken = []
    for n in range(scale.sends):
        began = time.perf_counter()
        bench_nothing.send(n=n)
        taken.append(time.perf_counter() - began)
    yield Figure(name="actor.send", value=scale.sends / sum(taken), unit="jobs/s")
    yield from percentiles("actor.send", taken, p50=float("inf"), p95=100)
    before = system.server_cpu_s()["postgres"]
    began = time.perf_counter()
    system.submit("bench_nothing", scale.bulk, n=1)
    yield Figure(name="submit_many", value=scale.bulk / (time.perf_counter() - began), unit="jobs/s")
    cpu = system.server_cpu_s()["postgres"] - before
    yield Figure(name="submit_many: CPU of PostgreSQL per 1,000", value=cpu / scale.bulk * 1_000, unit="s")
