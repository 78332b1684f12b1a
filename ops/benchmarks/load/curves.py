"""Throughput by backlog, worker processes and payload; latency by rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from aeon_jobs.ops.benchmarks import backlog
from aeon_jobs.ops.benchmarks.figure import Curve, percentile
from aeon_jobs.ops.benchmarks.latency import send_at_rate
from aeon_jobs.ops.benchmarks.load.queue import drained_per_s
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import WARM_UP, System

THROUGHPUT = "jobs/s"
SENDERS = 4
"""Threads that send one by one."""
REACHED = 0.95
"""Of a rate: less is another rate."""
STORED_BYTES = 20_000_000
"""At most, by the jobs of one payload size."""


def measure(system: System, scale: Scale) -> Iterator[Curve]:
    system.running()
    yield from _latencies(system, scale)
    yield _curve("payload", "payload, bytes", scale.payloads, lambda size: _payload(system, size, scale))
    # The last with these processes: what it leaves pending is removed.
    yield _curve("backlog", "pending jobs", scale.backlogs, lambda count: _backlog(system, count, scale))
    yield _curve("processes", "worker processes", scale.processes, lambda count: _processes(system, count, scale))
    system.clear()


def _curve(plot: str, x: str, places: tuple[int, ...], measured: Callable[[int], float]) -> Curve:
    points = tuple((float(place), measured(place)) for place in places)
    return Curve(plot=plot, name="aeon-jobs", x=x, y=THROUGHPUT, points=points)


def _payload(system: System, size: int, scale: Scale) -> float:
    def submit() -> int:
        from aeon_jobs.ops.benchmarks.handlers import bench_payload

        count = min(scale.curve_jobs, STORED_BYTES // size)
        bench_payload.send_many({"data": "x" * size} for _ in range(count))
        return count

    return drained_per_s(system, submit, scale.curve_s)


def _backlog(system: System, count: int, scale: Scale) -> float:
    def submit() -> int:
        """As many as are missing: a smaller backlog may not be done yet."""
        sql = "SELECT count(*) FROM jobs WHERE status = 'pending'"
        waiting = int(system.execute(sql)[0][0])
        backlog.pending(system.database, max(0, count - waiting))
        return count

    return drained_per_s(system, submit, scale.curve_s)


def _processes(system: System, count: int, scale: Scale) -> float:
    def submit(number: int) -> int:
        system.submit("bench_nothing", number, n=1)
        return number

    system.clear()
    with system.dispatcher(), system.workers(WORKER_PROCESSES=str(count)):
        drained_per_s(system, lambda: submit(WARM_UP), scale.curve_s)
        return drained_per_s(system, lambda: submit(scale.curve_jobs), scale.curve_s)


def _latencies(system: System, scale: Scale) -> Iterator[Curve]:
    """Up to the rate that the senders do not reach."""
    points: dict[str, list[tuple[float, float]]] = {"p50": [], "p99": []}
    for rate in scale.rates:
        taken, reached = send_at_rate(system, int(rate * scale.curve_s), rate, SENDERS)
        if reached < rate * REACHED and points["p50"]:
            break
        for name, values in points.items():
            values.append((rate, percentile(taken, float(name[1:])) * 1_000))
    for name, values in points.items():
        yield Curve(plot="latency", name=name, x="jobs/s", y="submit to start, ms", points=tuple(values))
