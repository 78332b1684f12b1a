"""How soon work goes on when something died."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ops.benchmarks.figure import Figure
from ops.benchmarks.scale import Scale
from ops.benchmarks.site import Site, wait_until

RUN_AGAIN_S = 5
FLUSHED_NAP_S = 0.1


def measure(site: Site, scale: Scale) -> Iterator[Figure]:
    yield from _killed_workers(site, scale)
    site.clear()
    yield from _flushed_redis(site, scale)


def _killed_workers(site: Site, scale: Scale) -> Iterator[Figure]:
    """kill -9 of all workers, restarted at once. The time of an import of everything is part of it."""
    name = f"{scale.naps} jobs of {scale.nap_s:g} s, all workers killed:"
    with site.dispatcher(), site.workers() as workers:
        site.submit("bench_nap", scale.naps, seconds=scale.nap_s)
        threads = min(scale.naps, 16)
        wait_until(lambda: len(_running(site)) == threads, "every thread at work")
        interrupted, killed_at = _running(site), time.time()
        workers.kill()
        workers.start()
        site.until_finished(scale.naps)
        # Those whose lease was taken back count as processed too, as lost.
        wait_until(lambda: _completed(site) == scale.naps, "the end", pause_s=0.1)
        done_at = time.time()
    sql = """SELECT extract(epoch FROM min(started_at)) FROM job_executions
             WHERE attempt > 1 AND job_id = ANY(CAST(:ids AS uuid[])) GROUP BY job_id"""
    again = [float(row[0]) for row in site.execute(sql, ids=interrupted)]
    if len(again) < len(interrupted):
        raise RuntimeError(f"{len(interrupted) - len(again)} interrupted jobs did not run again")
    yield Figure(name=f"{name} the first runs again after", value=min(again) - killed_at, unit="s")
    yield Figure(name=f"{name} the last runs again after", value=max(again) - killed_at, unit="s", at_most=RUN_AGAIN_S)
    yield Figure(name=f"{name} all done after", value=done_at - killed_at, unit="s")


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


def _running(site: Site) -> list[str]:
    return [str(row.id) for row in site.execute("SELECT id FROM jobs WHERE status = 'running'")]


def _completed(site: Site) -> int:
    sql = "SELECT coalesce(sum(value), 0) FROM job_counters WHERE metric = 'processed' AND label = 'completed'"
    return int(site.execute(sql)[0][0])
