"""The statements of the hot path against the floors of the specification, on few jobs and on very many."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

from sqlalchemy import Connection, text

from aeon_jobs.ops.benchmarks import backlog
from aeon_jobs.ops.benchmarks.figure import Figure, percentile, percentiles
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import dispatch, executions
from aeon_jobs.persistence.queue.dispatch import Lane
from aeon_jobs.persistence.queue.executions import Ended
from aeon_jobs.persistence.queue.states import completed

WORKERS = 10
LANE = Lane("benchmark", ("default",), ("bench_nothing", "bench_stamp", "bench_nap"))
RATE = 10
"""Queries per second of each worker."""

READY = {"p50": 10.0, "p95": 50.0, "p99": 100.0}
UPDATES = {"p50": 5.0, "p95": 20.0, "p99": 50.0}
_GET_READY = text("SELECT id FROM get_ready_jobs(10)")
_UPDATE = text("UPDATE jobs SET priority = (priority + 1) % 101 WHERE id = :id")


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    backlog.mixed(system.database, scale.jobs)
    yield from _statements(system.database, f"{scale.jobs:,} jobs", scale)
    _, large = system.large_database(scale.stored)
    yield from _statements(large, f"{scale.stored:,} jobs", scale)
    backlog.in_front(large, scale.in_front)
    yield from _ready(large, f"{scale.stored:,} jobs, {2 * scale.in_front:,} not ready in front", scale)


def _statements(database: Database, label: str, scale: Scale) -> Iterator[Figure]:
    yield from _ready(database, label, scale)
    with database.connection() as connection:
        rows = connection.execute(text("SELECT id FROM jobs ORDER BY id LIMIT :n"), {"n": scale.queries}).all()
        ids = iter([row.id for row in rows])
        taken = _timed(lambda: connection.execute(_UPDATE, {"id": next(ids)}), len(rows))
    yield from percentiles(f"{label}: update", taken, **UPDATES)
    whole, records = _lives(database, scale.queries)
    yield from percentiles(f"{label}: record of one job", records, **UPDATES)
    yield from percentiles(f"{label}: dispatch, claim and record of one", whole, p50=float("inf"), p95=float("inf"))
    yield _paced(database, label, scale)


def _ready(database: Database, label: str, scale: Scale) -> list[Figure]:
    with database.connection() as connection:
        taken = _timed(lambda: connection.execute(_GET_READY).all(), scale.queries)
    return percentiles(f"{label}: get_ready_jobs(10)", taken, **READY)


def _lives(database: Database, count: int) -> tuple[list[float], list[float]]:
    """One job after the other from ready to completed, with no other jobs that share its statements.

    Seconds of the whole, and of the record alone.
    """
    records: list[float] = []
    with database.connection() as connection:
        whole = _timed(lambda: records.extend(_live(connection)), count)
    return whole, records


def _live(connection: Connection) -> list[float]:
    dispatched = dispatch.dispatch(connection, {LANE: 1})
    claimed = executions.claim(
        connection, [(job.id, job.seq) for job in dispatched], worker_id="benchmark", lease_ms=20_000
    )
    ended = [Ended.of(job, completed(None)) for job in claimed.values()]
    return _timed(lambda: executions.record(connection, ended, worker_id="benchmark", shard=0), 1)


def _paced(database: Database, label: str, scale: Scale) -> Figure:
    """10 workers, each 10 queries a second: the claiming query and an update in turn."""
    with database.connection() as connection:
        ids = [row.id for row in connection.execute(text("SELECT id FROM jobs LIMIT 1000"))]

    def work(number: int) -> list[float]:
        mine = cycle(ids[number::WORKERS])
        with database.connection() as connection:
            queries: Any = cycle(
                [
                    lambda: connection.execute(_GET_READY).all(),
                    lambda: connection.execute(_UPDATE, {"id": next(mine)}),
                ]
            )
            return _at_rate(lambda: next(queries)(), RATE, scale.paced_s)

    with ThreadPoolExecutor(WORKERS) as pool:
        taken = [seconds for several in pool.map(work, range(WORKERS)) for seconds in several]
    name = f"{label}: {WORKERS} workers, {RATE} queries/s each p95"
    return Figure(name=name, value=percentile(taken, 95) * 1_000, unit="ms", at_most=100)


def _timed(step: Callable[[], Any], count: int) -> list[float]:
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        step()
        taken.append(time.perf_counter() - began)
    return taken


def _at_rate(step: Callable[[], Any], rate: float, duration_s: float) -> list[float]:
    taken, start = [], time.perf_counter()
    for n in range(int(rate * duration_s)):
        time.sleep(max(0.0, start + n / rate - time.perf_counter()))
        taken += _timed(step, 1)
    return taken
