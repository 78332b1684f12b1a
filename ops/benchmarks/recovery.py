"""How soon jobs run again after a failure."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

from aeon_jobs.ops.benchmarks.figure import Figure
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System, wait_until

RUN_AGAIN_S = 5
THAW_AFTER_S = 30
FLUSHED_NAP_S = 0.1


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    yield from _killed_workers(system, scale)
    system.clear()
    yield from _frozen_workers(system, scale)
    system.clear()
    yield from _flushed_redis(system, scale)


def _killed_workers(system: System, scale: Scale) -> Iterator[Figure]:
    """kill -9 of all workers, restarted at once. The time that a worker needs to import everything is included."""
    name = f"{scale.naps} jobs of {scale.nap_s:g} s, all workers killed:"
    with system.dispatcher(), system.workers() as workers:
        interrupted = _all_threads_busy(system, scale)
        killed_at = time.time()
        workers.kill()
        workers.start()
        system.until_finished(scale.naps)
        # Attempts that lost their lease count as processed too.
        wait_until(lambda: _completed(system) == scale.naps, "all jobs", pause_s=0.1)
        done_at = time.time()
    again = _run_again(system, interrupted)
    yield Figure(name=f"{name} the first runs again after", value=min(again) - killed_at, unit="s")
    yield Figure(name=f"{name} the last runs again after", value=max(again) - killed_at, unit="s", at_most=RUN_AGAIN_S)
    yield Figure(name=f"{name} all done after", value=done_at - killed_at, unit="s")


def _frozen_workers(system: System, scale: Scale) -> Iterator[Figure]:
    """SIGSTOP of all workers, and new workers are started: the lease must expire. Then the frozen workers continue."""
    name = f"{scale.naps} jobs of {scale.nap_s:g} s, all workers frozen:"
    with system.dispatcher(**scale.lease_settings), system.workers(**scale.lease_settings) as frozen:
        interrupted = _all_threads_busy(system, scale)
        frozen_at = time.time()
        frozen.signal(signal.SIGSTOP)
        try:
            with system.workers_starting(**scale.lease_settings):
                wait_until(lambda: _completed(system) == scale.naps, "all jobs", pause_s=0.1)
        finally:
            frozen.signal(signal.SIGCONT)
        wait_until(lambda: _superseded(system) == len(interrupted), "the frozen workers to lose their jobs")
    again = _run_again(system, interrupted)
    if _completed(system) != scale.naps:
        raise RuntimeError("a frozen worker changed a job that it had lost")
    yield Figure(name=f"{name} the last runs again after", value=max(again) - frozen_at, unit="s", at_most=THAW_AFTER_S)


def _flushed_redis(system: System, scale: Scale) -> Iterator[Figure]:
    """FLUSHALL: dispatched jobs are gone from Redis, the others are still pending."""
    with system.dispatcher(), system.workers():
        undisturbed = _drain_s(system, scale.flushed, flush=False)
        flushed = _drain_s(system, scale.flushed, flush=True)
    name = f"{scale.flushed} jobs of {FLUSHED_NAP_S:g} s"
    yield Figure(name=f"{name}: undisturbed", value=undisturbed, unit="s")
    yield Figure(name=f"{name}: with FLUSHALL in the middle", value=flushed, unit="s")


def _drain_s(system: System, count: int, *, flush: bool) -> float:
    done, began = system.finished(), time.monotonic()
    system.submit("bench_nap", count, seconds=FLUSHED_NAP_S)
    if flush:
        system.until_finished(done + count // 10)
        system.redis.flushall()
    system.until_finished(done + count)
    return time.monotonic() - began


def _all_threads_busy(system: System, scale: Scale) -> list[str]:
    """The jobs that run."""
    system.submit("bench_nap", scale.naps, seconds=scale.nap_s)
    threads = min(scale.naps, 16)
    wait_until(lambda: len(_running(system)) == threads, "a job on every thread")
    return _running(system)


def _run_again(system: System, interrupted: list[str]) -> list[float]:
    """When each of them started again, in Unix time."""
    sql = """SELECT extract(epoch FROM min(started_at)) FROM job_executions
             WHERE attempt > 1 AND job_id = ANY(CAST(:ids AS uuid[])) GROUP BY job_id"""
    again = [float(row[0]) for row in system.execute(sql, ids=interrupted)]
    if len(again) < len(interrupted):
        raise RuntimeError(f"{len(interrupted) - len(again)} interrupted jobs did not run again")
    return again


def _superseded(system: System) -> int:
    return int(system.execute("SELECT count(*) FROM job_executions WHERE outcome = 'superseded'")[0][0])


def _running(system: System) -> list[str]:
    return [str(row.id) for row in system.execute("SELECT id FROM jobs WHERE status = 'running'")]


def _completed(system: System) -> int:
    sql = "SELECT coalesce(sum(value), 0) FROM job_counters WHERE metric = 'processed' AND label = 'completed'"
    return int(system.execute(sql)[0][0])
