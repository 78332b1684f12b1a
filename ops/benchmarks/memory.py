"""What idle processes take: memory, and requests to Redis and PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator

from aeon_jobs.ops.benchmarks.figure import Figure
from aeon_jobs.ops.benchmarks.http_api import running_api
from aeon_jobs.ops.benchmarks.program import Program, resident_mb
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import PROCESSES, System

AT_REST_MB, WORKER_MB, REDIS_MB = 128, 256, 256


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    with system.dispatcher() as dispatcher:
        alone = _requests_per_s(system, scale.settle_s)
        with system.workers() as workers:
            # Includes everything that happens once per second.
            before = workers.cpu_s()
            together = _requests_per_s(system, scale.settle_s)
            cpu = (workers.cpu_s() - before) / scale.settle_s / PROCESSES * 100
            yield Figure(name="CPU of an idle worker process", value=cpu, unit="%")
            yield Figure(name="a worker process at rest", value=_largest_mb(workers), unit="MB", at_most=AT_REST_MB)
            for store, rate in together.items():
                own = max(0.0, rate - alone[store]) / PROCESSES
                yield Figure(name=f"{store}/s of an idle worker process", value=own, unit="/s")
                yield Figure(name=f"{store}/s of an idle dispatcher", value=alone[store], unit="/s")
            system.submit("bench_nothing", scale.drained, n=1)
            system.until_finished(scale.drained)
            after = f"after {scale.drained:,} jobs"
            yield Figure(name=f"a worker process {after}", value=_largest_mb(workers), unit="MB", at_most=WORKER_MB)
            yield Figure(name=f"the dispatcher {after}", value=_largest_mb(dispatcher), unit="MB")
    used = float(system.redis.info("memory")["used_memory_rss"]) / 2**20
    yield Figure(name=f"Redis {after}", value=used, unit="MB", at_most=REDIS_MB)
    with running_api(system.directory, system.postgres.url, system.database) as api:
        yield Figure(name="the API at rest", value=_largest_mb(api.program), unit="MB")


def _requests_per_s(system: System, seconds: float) -> dict[str, float]:
    """Redis commands and PostgreSQL transactions a second; those of the measurement itself are left out."""
    before, began = system.requests(), time.monotonic()
    time.sleep(seconds)
    after, took = system.requests(), time.monotonic() - began
    return {name: (after[name] - before[name]) / took for name in after}


def _largest_mb(program: Program) -> float:
    return max(resident_mb(process) for process in program.processes())
