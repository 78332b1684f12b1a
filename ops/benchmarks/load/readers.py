"""Dispatch and latency while three overlapping transactions pin snapshots: PostgreSQL keeps the dead rows that they may see.

A steady rate of jobs: first alone, then with a reader that begins every third of its length, then alone again. Recovery is
measured at the end, in the last third of the time after the readers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import psycopg2

from aeon_jobs.ops.benchmarks.figure import Curve, Figure
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System

READERS = 3
SENDS_PER_S = 50
"""Each sends its share of the rate in bulk: one client alone could not send one by one so fast."""
DURING, AFTER = 2.0, 1.5
"""The largest ratios to the time before."""
POINTS = 40
"""Of the curve."""
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM job_counters"
_DISPATCH_MS = "SELECT coalesce(sum(total_time), 0) FROM pg_stat_user_functions WHERE funcname = 'dispatch_jobs'"


@dataclass(frozen=True, slots=True)
class Phase:
    """What a phase cost and how long its jobs waited."""

    jobs: int
    submit_to_start_p50: float
    submit_to_start_p99: float
    dispatch_per_1000_jobs: float
    """Time in the dispatch function."""
    cpu_per_1000_jobs: float
    """Of everything."""


VALUES = {
    "submit_to_start_p50": "ms",
    "submit_to_start_p99": "ms",
    "dispatch_per_1000_jobs": "ms",
    "cpu_per_1000_jobs": "s",
}


def measure(system: System, scale: Scale) -> Iterator[Figure | Curve]:
    dispatcher, workers = system.running()
    with _timed_functions(system):
        began, sent_before = time.time(), system.finished()
        with steady_load(scale.read_rate) as sent:
            phases = list(_phases(system, scale, lambda: dispatcher.cpu_s() + workers.cpu_s()))
        _let_finish(system, sent_before + sent())
    before, during, after = (_phase(system, *each) for each in phases)
    yield from _figures(scale, before, during, after)
    yield from _curves(system, began, phases[-1][1])


def _figures(scale: Scale, before: Phase, during: Phase, after: Phase) -> Iterator[Figure]:
    name = f"{scale.read_rate} jobs/s, {READERS} readers of {scale.reader_s:g} s"
    expected = scale.read_rate * scale.reader_s / 3 * (READERS + 2)
    yield Figure(
        name=f"{name}: run during, of what was sent", value=100 * during.jobs / expected, unit="%", at_least=95
    )
    for what, unit in VALUES.items():
        values = [getattr(phase, what) for phase in (before, during, after)]
        label = what.replace("_", " ").replace("per 1000", "per 1,000")
        for when, value in zip(("before", "during", "after"), values, strict=True):
            yield Figure(name=f"{name}: {label}, {when}", value=value, unit=unit)
        for when, value, limit in (("during", values[1], DURING), ("after", values[2], AFTER)):
            yield Figure(name=f"{name}: {label}, {when} ÷ before", value=value / values[0], unit="", at_most=limit)


def _curves(system: System, began: float, ended: float) -> Iterator[Curve]:
    bin_s = (ended - began) / POINTS
    sql = """SELECT floor((extract(epoch FROM created_at) - :began) / :bin_s) AS bin,
                    percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY CAST(result #>> '{}' AS float)) AS seconds
             FROM jobs WHERE job_type = 'bench_stamp' AND result IS NOT NULL
                 AND extract(epoch FROM created_at) BETWEEN :began AND :ended GROUP BY 1 ORDER BY 1"""
    rows = system.execute(sql, began=began, bin_s=bin_s, ended=ended)
    for place, name in enumerate(("p50", "p99")):
        points = tuple((round(float(row.bin) * bin_s, 1), row.seconds[place] * 1_000) for row in rows)
        yield Curve(plot="readers", name=name, x="seconds", y="submit to start, ms", points=points)


Measured = tuple[float, float, float, float]
"""Begin and end in Unix time; milliseconds of dispatch and CPU seconds of everything meanwhile."""


def _phases(system: System, scale: Scale, programs_cpu_s: Callable[[], float]) -> Iterator[Measured]:
    def cost() -> tuple[float, float]:
        return float(system.execute(_DISPATCH_MS)[0][0]), programs_cpu_s() + sum(system.server_cpu_s().values())

    def measured(step: Callable[[], None]) -> Measured:
        began, (dispatch, cpu) = time.time(), cost()
        step()
        dispatch_after, cpu_after = cost()
        return began, time.time(), dispatch_after - dispatch, cpu_after - cpu

    yield measured(lambda: time.sleep(scale.calm_before_s))
    yield measured(lambda: _read(system.postgres.url, scale.reader_s))
    time.sleep(scale.calm_after_s * 2 / 3)
    yield measured(lambda: time.sleep(scale.calm_after_s / 3))


def _read(url: str, length_s: float) -> None:
    """Three transactions, each `length_s` long, one third of it apart."""
    began, third = time.monotonic(), length_s / 3

    def sleep_until(number: int) -> None:
        time.sleep(max(0.0, began + number * third - time.monotonic()))

    with ExitStack() as stack:
        readers = [stack.enter_context(closing(psycopg2.connect(url))) for _ in range(READERS)]
        for number, reader in enumerate(readers):
            sleep_until(number)
            with reader.cursor() as cursor:
                cursor.execute(_BEGIN)
        for number, reader in enumerate(readers, READERS):
            sleep_until(number)
            reader.rollback()


@contextmanager
def steady_load(rate: float) -> Iterator[Callable[[], int]]:
    """A thread that sends `rate` jobs a second; yields how many it has sent."""
    from aeon_jobs.ops.benchmarks.handlers import bench_stamp

    each = max(1, round(rate / SENDS_PER_S))
    stopped = threading.Event()
    sends = 0

    def send() -> None:
        nonlocal sends
        start = time.monotonic()
        while not stopped.wait(max(0.0, start + sends * each / rate - time.monotonic())):
            bench_stamp.send_many([{"sent": time.time()}] * each)
            sends += 1

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield lambda: sends * each
    finally:
        stopped.set()
        thread.join()


def _let_finish(system: System, count: int, limit_s: float = 60) -> None:
    """A machine that is too slow for the rate has a backlog: its figures say so, without an error."""
    end = time.monotonic() + limit_s
    while system.finished() < count and time.monotonic() < end:
        time.sleep(0.1)


def _phase(system: System, began: float, ended: float, dispatch_ms: float, cpu_s: float) -> Phase:
    sql = """SELECT count(*) AS jobs,
                    percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY CAST(result #>> '{}' AS float)) AS seconds
             FROM jobs WHERE job_type = 'bench_stamp' AND result IS NOT NULL
                 AND extract(epoch FROM created_at) BETWEEN :began AND :ended"""
    row = system.execute(sql, began=began, ended=ended)[0]
    p50, p99 = row.seconds
    return Phase(row.jobs, p50 * 1_000, p99 * 1_000, dispatch_ms / row.jobs * 1_000, cpu_s / row.jobs * 1_000)


@contextmanager
def _timed_functions(system: System) -> Iterator[None]:
    """PostgreSQL adds up the time of functions."""
    system.execute("ALTER SYSTEM SET track_functions = 'all'")
    system.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        system.execute("ALTER SYSTEM RESET track_functions")
        system.execute("SELECT pg_reload_conf()")
