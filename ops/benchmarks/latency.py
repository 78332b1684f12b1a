"""How soon a job starts: from just before `send` to the first line of its handler."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from aeon_jobs.ops.benchmarks.figure import Figure, percentiles
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System

RATE = 50
P50_MS, P99_MS = 4, 8


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    dispatcher, workers = system.running()
    _send(system, 20, RATE)
    before = _cpu(system, dispatcher.cpu_s(), workers.cpu_s())
    count = int(RATE * scale.paced_s)
    taken = _send(system, count, RATE)
    cpu = _cpu(system, dispatcher.cpu_s(), workers.cpu_s()) - before
    yield from percentiles(f"submit to start at {RATE} jobs/s", taken, p50=P50_MS, p95=5_000, p99=P99_MS)
    yield from _hops(system, count)
    yield Figure(name=f"CPU per 1,000 jobs at {RATE} jobs/s, all", value=cpu / count * 1_000, unit="s")
    yield from percentiles("idle pickup", _send(system, scale.pickups, 2), p50=float("inf"), p95=5_000)
    taken = _insert(system, scale.pickups)
    yield from percentiles("idle pickup of a plain SQL INSERT", taken, p50=float("inf"), p95=5_000)


def send_at_rate(system: System, count: int, rate: float, senders: int = 1) -> tuple[list[float], float]:
    """Seconds from the send to the first line of the handler, of each job; and the rate that was reached, jobs/s."""
    from aeon_jobs.ops.benchmarks.handlers import bench_stamp

    def send() -> None:
        bench_stamp.send(sent=time.time())

    return _paced(system, send, count, rate, senders)


def _send(system: System, count: int, rate: float) -> list[float]:
    return send_at_rate(system, count, rate)[0]


def _hops(system: System, count: int) -> Iterator[Figure]:
    """Where the time of a job goes, by the times that PostgreSQL and the handler keep. All are of one machine's clock."""
    sql = """
        WITH times AS (
            SELECT (payload ->> 'sent')::float AS sent, extract(epoch FROM created_at) AS stored,
                extract(epoch FROM queued_at) AS queued, extract(epoch FROM started_at) AS claimed,
                (payload ->> 'sent')::float + (result #>> '{}')::float AS began, extract(epoch FROM completed_at) AS recorded
            FROM jobs WHERE job_type = 'bench_stamp' ORDER BY seq DESC LIMIT :n
        )
        SELECT stored - sent AS a, queued - stored AS b, claimed - queued AS c, began - claimed AS d, recorded - began AS e
        FROM times"""
    rows = system.execute(sql, n=count)
    names = (
        "send to INSERT",
        "INSERT, commit, wake-up, to dispatch",
        "dispatch, push, wake-up, fetch, to claim",
        "claim, to the first line of the handler",
        "first line of the handler, to its record",
    )
    for place, name in enumerate(names):
        value = statistics.median(float(row[place]) for row in rows) * 1_000
        yield Figure(name=f"{place + 1}. {name}, p50", value=value, unit="ms")


def _insert(system: System, count: int) -> list[float]:
    """A plain INSERT sends no hint: the dispatcher finds the job when it polls."""
    statement = text("INSERT INTO jobs (job_type, payload) VALUES ('bench_stamp', jsonb_build_object('sent', :sent))")

    def insert() -> None:
        with system.database.connection() as connection:
            connection.execute(statement, {"sent": time.time()})

    # Out of step with the poll.
    return _paced(system, insert, count, 2.3)[0]


def _paced(
    system: System, submit: Callable[[], None], count: int, rate: float, senders: int = 1
) -> tuple[list[float], float]:
    done, start = system.finished(), time.monotonic()

    def send(numbers: Iterable[int]) -> None:
        for n in numbers:
            time.sleep(max(0.0, start + n / rate - time.monotonic()))
            submit()

    with ThreadPoolExecutor(senders) as pool:
        list(pool.map(send, [range(sender, count, senders) for sender in range(senders)]))
    reached = min(rate, count / (time.monotonic() - start))
    system.until_finished(done + count)
    rows = system.execute("SELECT result FROM jobs WHERE result IS NOT NULL ORDER BY seq DESC LIMIT :n", n=count)
    return [float(row.result) for row in rows], reached


def _cpu(system: System, *programs: float) -> float:
    return sum(programs) + sum(system.server_cpu_s().values())
