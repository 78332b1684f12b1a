"""How fast jobs are stored, one by one and in bulk, by one client; and bulk beside COPY into the same table."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from statistics import median

import psycopg2

from aeon_jobs.ops.benchmarks.figure import Figure, percentiles
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System

ROUNDS = 3
COPY_RATIO = 0.5
_COPY = "COPY jobs (job_type, queue_name, payload) FROM STDIN"
_ROW = 'bench_nothing\tdefault\t{"n": 1}\n'


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    from aeon_jobs.ops.benchmarks.handlers import bench_nothing

    taken = [_seconds(lambda: bench_nothing.send(n=1)) for _ in range(scale.sends)]
    yield Figure(name="actor.send", value=scale.sends / sum(taken), unit="jobs/s")
    yield from percentiles("actor.send", taken, p50=float("inf"), p95=100)
    before = system.server_cpu_s()["postgres"]
    _send_many(scale.bulk)
    cpu = system.server_cpu_s()["postgres"] - before
    yield Figure(name="actor.send_many: CPU of PostgreSQL per 1,000", value=cpu / scale.bulk * 1_000, unit="s")
    rounds = [
        (_seconds(lambda: _send_many(scale.bulk)), _seconds(lambda: _copy(system, scale.bulk))) for _ in range(ROUNDS)
    ]
    for name, seconds in (
        ("actor.send_many", [sent for sent, _ in rounds]),
        ("COPY", [copied for _, copied in rounds]),
    ):
        rates = tuple(scale.bulk / each for each in seconds)
        yield Figure(name=name, value=median(rates), unit="jobs/s", samples=rates)
    ratios = tuple(copied / sent for sent, copied in rounds)
    yield Figure(name="actor.send_many ÷ COPY", value=median(ratios), unit="", at_least=COPY_RATIO, samples=ratios)


def _send_many(count: int) -> None:
    from aeon_jobs.ops.benchmarks.handlers import bench_nothing

    bench_nothing.send_many({"n": n} for n in range(count))


def _copy(system: System, count: int) -> None:
    """The same jobs, straight into the table: nothing is checked, and no ids come back."""
    with closing(psycopg2.connect(system.postgres.url)) as connection, connection, connection.cursor() as cursor:
        cursor.copy_expert(_COPY, io.StringIO(_ROW * count))


def _seconds(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began
