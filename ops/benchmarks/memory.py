"""The memory of processes, at rest and after many jobs."""

from __future__ import annotations

from collections.abc import Iterator

from aeon_jobs.ops.benchmarks.figure import Figure
from aeon_jobs.ops.benchmarks.http_api import running_api
from aeon_jobs.ops.benchmarks.program import Program, resident_mb
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System

AT_REST_MB, WORKER_MB, REDIS_MB = 128, 256, 256


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    with system.dispatcher() as dispatcher, system.workers() as workers:
        yield Figure(name="a worker process at rest", value=_largest_mb(workers), unit="MB", at_most=AT_REST_MB)
        system.submit("bench_nothing", scale.drained, n=1)
        system.until_finished(scale.drained)
        after = f"after {scale.drained:,} jobs"
        yield Figure(name=f"a worker process {after}", value=_largest_mb(workers), unit="MB", at_most=WORKER_MB)
        yield Figure(name=f"the dispatcher {after}", value=_largest_mb(dispatcher), unit="MB")
    used = float(system.redis.info("memory")["used_memory_rss"]) / 2**20
    yield Figure(name=f"Redis {after}", value=used, unit="MB", at_most=REDIS_MB)
    with running_api(system.directory, system.postgres.url, system.database) as api:
        yield Figure(name="the API at rest", value=_largest_mb(api.program), unit="MB")


def _largest_mb(program: Program) -> float:
    return max(resident_mb(process) for process in program.processes())
