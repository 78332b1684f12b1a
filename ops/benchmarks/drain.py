"""What a job costs: no-op jobs through a dispatcher and 2 worker processes of 8 threads.

CPU seconds say more than jobs per second: they hardly change when others use the machine too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median

from aeon_jobs.ops.benchmarks.figure import Figure
from aeon_jobs.ops.benchmarks.load.queue import pause, resume
from aeon_jobs.ops.benchmarks.program import Program
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System, wait_until

PUBLISHED_S = 1.5
"""After which PostgreSQL has published its counts."""
FLOOR_PER_S = 100 / 60


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    dispatcher, workers = system.running()
    before, done = system.requests(), system.finished()
    drains = [drained(system, dispatcher, workers, scale.drained) for _ in range(scale.drains)]
    time.sleep(PUBLISHED_S)
    sent, done = system.requests(), system.finished() - done
    yield Figure(name="no-op jobs", value=median(rate for rate, _ in drains), unit="jobs/s", at_least=FLOOR_PER_S)
    for part in drains[0][1]:
        yield Figure(name=f"CPU per 1,000 jobs: {part}", value=median(cpu[part] for _, cpu in drains), unit="s")
    yield Figure(name="CPU per 1,000 jobs: all", value=median(sum(cpu.values()) for _, cpu in drains), unit="s")
    for name, count in sent.items():
        yield Figure(name=f"{name} per job", value=(count - before[name]) / done, unit="")


def drained(system: System, dispatcher: Program, workers: Program, count: int) -> tuple[float, dict[str, float]]:
    """Jobs a second, and CPU seconds per 1,000 jobs by part. The jobs are stored before the clock starts."""
    return drained_of(system, dispatcher, workers, count, lambda: system.submit("bench_nothing", count, n=1))


def drained_of(
    system: System, dispatcher: Program, workers: Program, count: int, submit: Callable[[], None]
) -> tuple[float, dict[str, float]]:
    """The same, of jobs that `submit` stores."""
    pause(system)
    submit()
    before, done = _cpu(system, dispatcher, workers), system.finished()
    resume(system)
    system.until_finished(done + count)
    # Acks and counters follow the last record by a moment.
    wait_until(lambda: not system.unacked(), "the last ack")
    after = _cpu(system, dispatcher, workers)
    return count / _duration_s(system, count), {part: (after[part] - before[part]) / count * 1_000 for part in after}


def _duration_s(system: System, count: int) -> float:
    """From the first start to the last end, by the clock of PostgreSQL."""
    sql = """SELECT extract(epoch FROM max(finished_at) - min(started_at)) FROM (
                SELECT started_at, finished_at FROM job_executions ORDER BY finished_at DESC LIMIT :count) AS last"""
    return float(system.execute(sql, count=count)[0][0])


def _cpu(system: System, dispatcher: Program, workers: Program) -> dict[str, float]:
    return {"workers": workers.cpu_s(), "dispatcher": dispatcher.cpu_s(), **system.server_cpu_s()}
