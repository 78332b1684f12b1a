"""How soon a job starts: from just before `send` to the first line of its handler."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from sqlalchemy import text

from ops.benchmarks.figure import Figure, percentiles
from ops.benchmarks.scale import Scale
from ops.benchmarks.site import Site

RATE = 50


def measure(site: Site, scale: Scale) -> Iterator[Figure]:
    with site.dispatcher() as dispatcher, site.workers() as workers:
        _send(site, 20, RATE)
        before = _cpu(site, dispatcher.cpu_s(), workers.cpu_s())
        count = int(RATE * scale.paced_s)
        taken = _send(site, count, RATE)
        cpu = _cpu(site, dispatcher.cpu_s(), workers.cpu_s()) - before
        yield from percentiles(
            f"submit to start at {RATE} jobs/s", taken, p50=float("inf"), p95=5_000, p99=float("inf")
        )
        yield Figure(name=f"CPU per 1,000 jobs at {RATE} jobs/s, all", value=cpu / count * 1_000, unit="s")
        yield from percentiles("idle pickup", _send(site, scale.pickups, 2), p50=float("inf"), p95=5_000)
        taken = _insert(site, scale.pickups)
        yield from percentiles("idle pickup of a plain SQL INSERT", taken, p50=float("inf"), p95=5_000)


def _send(site: Site, count: int, rate: float) -> list[float]:
    from ops.benchmarks.handlers import bench_stamp

    def send() -> None:
        bench_stamp.send(sent=time.time())

    return _paced(site, send, count, rate)


def _insert(site: Site, count: int) -> list[float]:
    """Nobody rings for these: the dispatcher finds them when it polls."""
    statement = text("INSERT INTO jobs (job_type, payload) VALUES ('bench_stamp', jsonb_build_object('sent', :sent))")

    def insert() -> None:
        with site.database.connection() as connection:
            connection.execute(statement, {"sent": time.time()})

    # Out of step with the poll.
    return _paced(site, insert, count, 2.3)


def _paced(site: Site, submit: Callable[[], None], count: int, rate: float) -> list[float]:
    done, start = site.finished(), time.monotonic()
    for n in range(count):
        time.sleep(max(0.0, start + n / rate - time.monotonic()))
        submit()
    site.until_finished(done + count)
    rows = site.execute("SELECT result FROM jobs WHERE result IS NOT NULL ORDER BY seq DESC LIMIT :n", n=count)
    return [float(row.result) for row in rows]


def _cpu(site: Site, *programs: float) -> float:
    return sum(programs) + sum(site.server_cpu_s().values())
