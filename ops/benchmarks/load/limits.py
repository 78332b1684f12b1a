"""What limits cost, and how fair they are.

Drains take turns: without limits, with a limit and a rate that hold nobody back, with a limit for each of many keys, and with
keys that take turns. A ratio is the median of the ratios within a repetition.

Fairness: of many tenants each submits one job; then the same while one of them submits nine times as many as all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from aeon_jobs.ops.benchmarks.drain import drained_of
from aeon_jobs.ops.benchmarks.figure import Figure
from aeon_jobs.ops.benchmarks.load.queue import pause, resume
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System, wait_until

WITHOUT = "without limits"
FLOOR, FAIR = 0.7, 2.0
LEAST_S = 0.001
"""A shorter wait counts as this one: a few jobs start at once."""
GREEDY = 0
"""The tenant that submits most."""
_WAITS = """
    WITH run AS (
        SELECT (payload ->> 'tenant')::integer AS tenant, started_at FROM jobs
        WHERE job_type = 'bench_of_tenants' ORDER BY seq DESC LIMIT :count
    )
    SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - (SELECT min(started_at) FROM run)))
    FROM run WHERE tenant <> :greedy"""


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    yield from _drains(system, scale)
    yield from _fairness(system, scale)


def _drains(system: System, scale: Scale) -> Iterator[Figure]:
    kinds = {
        WITHOUT: "bench_nothing",
        "at most 1,000 at once": "bench_limited",
        "a rate": "bench_rated",
        f"5 of each of {scale.tenants:,} keys": "bench_keyed",
        f"5 of each of {scale.tenants:,} keys, which take turns": "bench_of_tenants",
    }
    rounds = []
    for number in range(scale.drains):
        order = list(kinds.items())[:: -1 if number % 2 else 1]
        rounds.append({name: _drained(system, scale, job_type) for name, job_type in order})
    for name in kinds:
        rates = tuple(each[name][0] for each in rounds)
        yield Figure(name=f"drain, {name}", value=median(rates), unit="jobs/s", samples=rates)
        cpu = median(each[name][1] for each in rounds)
        yield Figure(name=f"CPU of PostgreSQL per 1,000 jobs, {name}", value=cpu, unit="s")
    for name in list(kinds)[1:]:
        ratios = tuple(each[name][0] / each[WITHOUT][0] for each in rounds)
        ratio = median(ratios)
        yield Figure(name=f"drain ÷ {WITHOUT}, {name}", value=ratio, unit="", at_least=FLOOR, samples=ratios)


def _drained(system: System, scale: Scale, job_type: str) -> tuple[float, float]:
    """Jobs a second, and CPU seconds of PostgreSQL per 1,000 jobs."""
    dispatcher, workers = system.running()
    key = "n" if job_type == "bench_nothing" else "tenant"
    payloads = [{key: number % scale.tenants} for number in range(scale.limited)]
    rate, cpu = drained_of(system, dispatcher, workers, scale.limited, lambda: system.submit_each(job_type, payloads))
    return rate, cpu["postgres"]


def _fairness(system: System, scale: Scale) -> Iterator[Figure]:
    others = list(range(GREEDY + 1, scale.tenants))
    pairs = [
        (_p95_wait_of_others(system, others), _p95_wait_of_others(system, [GREEDY] * 9 * len(others) + others))
        for _ in range(scale.drains)
    ]
    name = f"{scale.tenants:,} tenants, p95 wait"
    yield Figure(name=f"{name}, one job each", value=median(even for even, _ in pairs) * 1_000, unit="ms")
    beside = median(greedy for _, greedy in pairs) * 1_000
    yield Figure(name=f"{name} of the others, one submits 90 %", value=beside, unit="ms")
    ratio = median(greedy / max(even, LEAST_S) for even, greedy in pairs)
    yield Figure(name=f"{name} of the others, one submits 90 % ÷ one job each", value=ratio, unit="", at_most=FAIR)


def _p95_wait_of_others(system: System, tenants: list[int]) -> float:
    """Seconds from the first start to the start of the jobs that are not of the greedy tenant."""
    system.running()
    pause(system)
    wait_until(lambda: not system.unacked(), "the end of what runs")
    done = system.finished()
    system.submit_each("bench_of_tenants", [{"tenant": tenant} for tenant in tenants])
    resume(system)
    system.until_finished(done + len(tenants))
    return float(system.execute(_WAITS, count=len(tenants), greedy=GREEDY)[0][0])
