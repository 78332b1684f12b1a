"""A look for ready jobs and a dispatch, with few and with very many pending jobs: in turn, on the same server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median

from sqlalchemy import Connection, text

from aeon_jobs.ops.benchmarks.database import LANE
from aeon_jobs.ops.benchmarks.figure import Figure
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System
from aeon_jobs.persistence.queue import dispatch

BATCH = 16
RATIO = 2.0
_GET_READY = text("SELECT id FROM get_ready_jobs(10)")


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    few, many = system.pending_database(scale.few), system.pending_database(scale.many)
    rounds = min(scale.queries, scale.few // BATCH // 2)
    with few.connection() as small, many.connection() as large:
        for name, step in (("get_ready_jobs(10)", _get_ready), (f"dispatch of {BATCH}", _dispatch)):
            # Plans are made, pages are read.
            _in_turn(step, small, large, 10)
            yield from _figures(name, scale, *_in_turn(step, small, large, rounds))


def _figures(name: str, scale: Scale, few: list[float], many: list[float]) -> Iterator[Figure]:
    for count, taken in ((scale.few, few), (scale.many, many)):
        yield Figure(name=f"{name}, {count:,} pending p50", value=median(taken) * 1_000, unit="ms")
    name = f"{name}: {scale.many:,} ÷ {scale.few:,} pending"
    yield Figure(name=name, value=median(many) / median(few), unit="", at_most=RATIO)


def _in_turn(
    step: Callable[[Connection], object], small: Connection, large: Connection, rounds: int
) -> tuple[list[float], list[float]]:
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for connection, times in zip((small, large), taken, strict=True):
            began = time.perf_counter()
            step(connection)
            times.append(time.perf_counter() - began)
    return taken


def _get_ready(connection: Connection) -> object:
    return connection.execute(_GET_READY).all()


def _dispatch(connection: Connection) -> object:
    """
    Raises:
        RuntimeError: fewer jobs were dispatched than asked for.
    """
    dispatched = dispatch.dispatch(connection, {LANE: BATCH})
    if len(dispatched) != BATCH:
        raise RuntimeError(f"{len(dispatched)} jobs were dispatched instead of {BATCH}")
    return dispatched
