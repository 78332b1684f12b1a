"""How soon work goes on when something died."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

from ops.benchmarks.figure import Figure
from ops.benchmarks.scale import Scale
from ops.benchmarks.site import Site, wait_until

RUN_AGAIN_S = 5
THAW_AFTER_S = 30
FLUSHED_NAP_S = 0.1


def measure(site: Site, scale: Scale) -> Iterator[Figure]:
    yield from _killed_workers(site, scale)
    site.clear()
    yield from _frozen_workers(site, scale)
    site.clear()
    yield from _flushed_redis(site, scale)


def _killed_workers(site: Site, scale: Scale) -> Iterator[Figure]:
    """kill -9 of all workers, restarted at once. The time of an import of everything is part of it."""
    name = f"{scale.naps} jobs of {scale.nap_s:g} s, all workers killed:"
    with site.dispatcher(), site.workers() as workers:
        interrupted = _every_thread_at_work(site, scale)
        killed_at = time.time()
        workers.kill()
        workers.start()
        site.until_finished(scale.naps)
        # Those whose lease was taken back count as processed too, as lost.
        wait_until(lambda: _completed(site) == scale.naps, "the end", pause_s=0.1)
        done_at = time.time()
    again = _run_again(site, interrupted)
    yield Figure(name=f"{name} the first runs again after", value=min(again) - killed_at, unit="s")
    yield Figure(name=f"{name} the last runs again after", value=max(again) - killed_at, unit="s", at_most=RUN_AGAIN_S)
    yield Figure(name=f"{name} all done after", value=done_at - killed_at, unit="s")


def _frozen_workers(site: Site, scale: Scale) -> Iterator[Figure]:
    """SIGSTOP of all workers, and others started: the lease has to end. Then the frozen ones are thawed."""
    name = f"{scale.naps} jobs of {scale.nap_s:g} s, all workers frozen:"
    with site.dispatcher(**scale.patience), site.workers(**scale.patience) as frozen:
        interrupted = _every_thread_at_work(site, scale)
        frozen_at = time.time()
        frozen.signal(signal.SIGSTOP)
        try:
            with site.workers_starting(**scale.patience):
                wait_until(lambda: _completed(site) == scale.naps, "the end", pause_s=0.1)
        finally:
            frozen.signal(signal.SIGCONT)
        wait_until(lambda: _superseded(site) == len(interrupted), "every zombie was told")
    again = _run_again(site, interrupted)
    if _completed(site) != scale.naps:
        raise RuntimeError("a zombie changed a job")
    yield Figure(name=f"{name} the last runs again after", value=max(again) - frozen_at, unit="s", at_most=THAW_AFTER_S)


def _flushed_redis(site: Site, scale: Scale) -> Iterator[Figure]:
    """FLUSHALL, with everything dispatched gone from Redis and the rest still pending."""
    with site.dispatcher(), site.workers():
        undisturbed = _drain_s(site, scale.flushed, flush=False)
        flushed = _drain_s(site, scale.flushed, flush=True)
    name = f"{scale.flushed} jobs of {FLUSHED_NAP_S:g} s"
    yield Figure(name=f"{name}: undisturbed", value=undisturbed, unit="s")
    yield Figure(name=f"{name}: with FLUSHALL amid them", value=flushed, unit="s")


def _drain_s(site: Site, count: int, *, flush: bool) -> float:
    done, began = site.finished(), time.monotonic()
    site.submit("bench_nap", count, seconds=FLUSHED_NAP_S)
    if flush:
        site.until_finished(done + count // 10)
        site.redis.flushall()
    site.until_finished(done + count)
    return time.monotonic() - began


def _every_thread_at_work(site: Site, scale: Scale) -> list[str]:
    """The jobs that run."""
    site.submit("bench_nap", scale.naps, seconds=scale.nap_s)
    threads = min(scale.naps, 16)
    wait_until(lambda: len(_running(site)) == threads, "every thread at work")
    return _running(site)


def _run_again(site: Site, interrupted: list[str]) -> list[float]:
    """When each of them began anew, in Unix time."""
    sql = """SELECT extract(epoch FROM min(started_at)) FROM job_executions
             WHERE attempt > 1 AND job_id = ANY(CAST(:ids AS uuid[])) GROUP BY job_id"""
    again = [float(row[0]) for row in site.execute(sql, ids=interrupted)]
    if len(again) < len(interrupted):
        raise RuntimeError(f"{len(interrupted) - len(again)} interrupted jobs did not run again")
    return again


def _superseded(site: Site) -> int:
    return int(site.execute("SELECT count(*) FROM job_executions WHERE outcome = 'superseded'")[0][0])


def _running(site: Site) -> list[str]:
    return [str(row.id) for row in site.execute("SELECT id FROM jobs WHERE status = 'running'")]


def _completed(site: Site) -> int:
    sql = "SELECT coalesce(sum(value), 0) FROM job_counters WHERE metric = 'processed' AND label = 'completed'"
    return int(site.execute(sql)[0][0])
