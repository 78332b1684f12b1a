"""How busy threads are with jobs of 20 ms: what is missing to 100 % is spent between two jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aeon_jobs.ops.benchmarks.figure import Figure
from aeon_jobs.ops.benchmarks.load.queue import pause, resume
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System

SECONDS = 0.02
THREADS = 16
FLOOR_PERCENT = 92


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    system.running()
    pause(system)
    done = system.finished()
    system.submit("bench_sleep", scale.slept, seconds=SECONDS)
    resume(system)
    system.until_finished(done + scale.slept)
    rows = system.execute("SELECT result FROM jobs WHERE job_type = 'bench_sleep'")
    yield Figure(
        name=f"{THREADS} threads, {scale.slept:,} jobs of {SECONDS * 1_000:g} ms: utilisation",
        value=utilisation([(began, ended) for ((began, ended),) in rows], THREADS) * 100,
        unit="%",
        at_least=FLOOR_PERCENT,
    )


def utilisation(spans: Sequence[tuple[float, float]], threads: int) -> float:
    """Busy seconds ÷ seconds of all threads, from the first start to the last end."""
    busy = sum(ended - began for began, ended in spans)
    return busy / (threads * (max(ended for _, ended in spans) - min(began for began, _ in spans)))
