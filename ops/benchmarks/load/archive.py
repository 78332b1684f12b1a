"""The archive after very many jobs: how fast it moves them, what that costs the jobs that run meanwhile, and the space.

The table is filled with jobs that ended 31 days ago. Drains take turns: without the archive, and while a dispatcher archives.
The ratio is the median of the ratios. Then the rest is moved as fast as one process can, while jobs are submitted and run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

from aeon_jobs.ops.benchmarks.drain import drained
from aeon_jobs.ops.benchmarks.figure import Figure
from aeon_jobs.ops.benchmarks.load.readers import steady_load
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System
from aeon_jobs.persistence.archive.moving import ArchivePass
from aeon_jobs.persistence.archive.retention import Retention

WRITE_RATE = 100
"""Jobs per second while the rest is moved."""
NEVER = {"JOB_RETENTION_DAYS": "0"}
FILL = """
    INSERT INTO jobs (job_type, queue_name, status, payload, metadata, created_by, created_at, updated_at, started_at,
        completed_at, attempt, dispatch_seq, worker_id)
    SELECT 'bench_nothing', 'default', 'completed', jsonb_build_object('n', n), jsonb_build_object('tenant', (n % 1000)::text),
        'service-' || n % 50, ended, ended, ended, ended, 1, 1, 'worker-' || n % 8
    FROM (SELECT n, now() - interval '31 days' - n * interval '1 second' AS ended FROM generate_series(1, :count) AS n) AS made
"""
EXECUTIONS = """
    INSERT INTO job_executions (job_id, attempt, outcome, worker_id, started_at, finished_at)
    SELECT id, 1, 'completed', worker_id, started_at, completed_at FROM jobs WHERE job_type = 'bench_nothing'
"""
BYTES = """
    SELECT pg_total_relation_size('jobs') + pg_total_relation_size('job_executions') AS live,
        (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'job_archive'::regclass) AS archived
"""


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    fill(system, scale.stored)
    before = system.execute(BYTES)[0]
    pairs = [(_drain(system, scale, **NEVER), _drain_beside(system, scale)) for _ in range(scale.drains)]
    without, beside = median(rate for rate, _ in pairs), median(rate for _, (rate, _) in pairs)
    yield Figure(name=f"{scale.stored:,} ended jobs: drain without the archive", value=without, unit="jobs/s")
    yield Figure(name="drain while the dispatcher archives", value=beside, unit="jobs/s")
    ratio = median(beside / without for without, (beside, _) in pairs)
    yield Figure(name="drain with ÷ without", value=ratio, unit="", at_least=0.8)
    yield Figure(name="moved by the dispatcher meanwhile", value=median(rate for _, (_, rate) in pairs), unit="jobs/s")
    yield from _rest(system, scale)
    after = system.execute(BYTES)[0]
    for what, size in (("before", before.live), ("after", after.live)):
        yield Figure(name=f"jobs and attempts with indexes, {what}", value=float(size) / 1e6, unit="MB")
    yield Figure(name="the archive with indexes", value=float(after.archived) / 1e6, unit="MB")
    system.execute("VACUUM jobs, job_executions")
    yield Figure(name="jobs and attempts, after VACUUM", value=float(system.execute(BYTES)[0].live) / 1e6, unit="MB")
    system.execute("TRUNCATE job_archive")


def fill(system: System, count: int) -> None:
    """Jobs that the archive is to move."""
    system.execute(FILL, count=count)
    system.execute(EXECUTIONS)
    system.execute("VACUUM ANALYZE jobs, job_executions")


def archived(system: System) -> int:
    return int(system.execute("SELECT count(*) FROM job_archive")[0][0])


def _drain(system: System, scale: Scale, **settings: str) -> float:
    with system.dispatcher(**settings) as dispatcher, system.workers() as workers:
        return drained(system, dispatcher, workers, scale.drained)[0]


def _drain_beside(system: System, scale: Scale) -> tuple[float, float]:
    """Jobs a second, and how many a second were archived."""
    began, before = time.monotonic(), archived(system)
    rate = _drain(system, scale)
    return rate, (archived(system) - before) / (time.monotonic() - began)


def _rest(system: System, scale: Scale) -> Iterator[Figure]:
    with system.dispatcher(**NEVER), system.workers(), steady_load(WRITE_RATE):
        began, moved = time.monotonic(), 0
        with system.database.connection() as connection:
            walk = ArchivePass(Retention())
            while not (step := walk.go_on(connection, 1)).is_done:
                moved += step.jobs
            moved += step.jobs
        took = time.monotonic() - began
        if moved:
            name = f"moved by one process alone, {WRITE_RATE} jobs/s meanwhile"
            yield Figure(name=name, value=moved / took, unit="jobs/s")
        time.sleep(1)
    sql = """SELECT percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY CAST(result #>> '{}' AS float)) AS seconds
             FROM jobs WHERE job_type = 'bench_stamp' AND result IS NOT NULL"""
    p50, p99 = system.execute(sql)[0].seconds
    yield Figure(name="submit to start meanwhile p50", value=p50 * 1_000, unit="ms")
    yield Figure(name="submit to start meanwhile p99", value=p99 * 1_000, unit="ms", at_most=5_000)
