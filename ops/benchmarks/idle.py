"""What processes at rest take: memory, processor time, and requests to PostgreSQL and Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil

from aeon_jobs.ops.benchmarks.figure import Figure
from aeon_jobs.ops.benchmarks.program import Program, cpu_s, shared_mb
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System

WORKER_MB, ALL_MB, TRANSACTIONS = 70, 160, 5
START_S = 12
"""For what happens once. An idle backend of PostgreSQL tells its transactions up to 10 s late."""


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    with system.undisturbed():
        yield from _requests(system, scale)
        yield from _processes(system, scale)


def _requests(system: System, scale: Scale) -> Iterator[Figure]:
    """Of a dispatcher and one worker process, without those of the measurement itself."""
    nothing = _requests_per_s(system, scale.idle_s)
    with system.dispatcher(), system.workers(WORKER_PROCESSES="1"):
        time.sleep(min(START_S, scale.idle_s))
        both = _requests_per_s(system, scale.idle_s)
    for store, rate in both.items():
        value = max(0.0, rate - nothing[store])
        floor = TRANSACTIONS if store.startswith("PostgreSQL") else None
        yield Figure(name=f"{store}/s of a dispatcher and a worker process", value=value, unit="/s", at_most=floor)


def _processes(system: System, scale: Scale) -> Iterator[Figure]:
    with system.dispatcher() as dispatcher, system.workers() as workers:
        time.sleep(min(START_S, scale.idle_s))
        processes = _named(dispatcher, workers)
        before = {name: cpu_s(process) for name, process in processes.items()}
        time.sleep(scale.idle_s)
        used = {name: (cpu_s(process) - before[name]) / scale.idle_s * 100 for name, process in processes.items()}
        taken = {name: shared_mb(process) for name, process in processes.items()}
    for name, percent in used.items():
        yield Figure(name=f"processor time of {name}", value=percent, unit="%")
    for name, size in taken.items():
        floor = WORKER_MB if name.startswith("worker") else None
        yield Figure(name=f"memory of {name}", value=size, unit="MB", at_most=floor)
    yield Figure(name=f"memory of all {len(taken)} processes", value=sum(taken.values()), unit="MB", at_most=ALL_MB)


def _named(dispatcher: Program, workers: Program) -> dict[str, psutil.Process]:
    master, *children = workers.processes()
    named = {f"worker process {number}": child for number, child in enumerate(children, 1)}
    return {"the dispatcher": dispatcher.processes()[0], "the workers' master": master, **named}


def _requests_per_s(system: System, seconds: float) -> dict[str, float]:
    """Redis commands, those inside of scripts included, and PostgreSQL transactions a second."""
    before, began = system.requests(), time.monotonic()
    time.sleep(seconds)
    after, took = system.requests(), time.monotonic() - began
    return {name: (after[name] - before[name]) / took for name in after}
