"""Workflows of many steps: how long the statement that records needs to release what waits.

The same jobs are recorded in groups of 64: while nothing waits for them, and while one step waits for all of them. Then one
job is recorded for which all others wait.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from aeon_jobs.ops.benchmarks.figure import Figure
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System
from aeon_jobs.persistence.queue import dispatch, executions, graphs
from aeon_jobs.persistence.queue.dispatch import Lane
from aeon_jobs.persistence.queue.executions import Ended
from aeon_jobs.persistence.queue.graphs import Edge, NewStep
from aeon_jobs.persistence.queue.states import completed
from aeon_jobs.persistence.queue.submissions import NewJob
from aeon_jobs.persistence.queue.workflows import NewWorkflow

LANE = Lane("benchmark", ("default",), ("bench_nothing",))
GROUP = 64
"""Outcomes of a record, as in a worker that has much to do."""


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    many = [_step(str(n)) for n in range(scale.steps)]
    stored, recorded = _run(system, many, scale.steps)
    yield Figure(name=f"{scale.steps:,} steps that wait for nothing: submitted", value=stored, unit="s")
    yield Figure(name="their records", value=recorded, unit="s")
    stored, recorded = _run(system, [*many, _step("join", *(step.name for step in many))], scale.steps)
    yield Figure(name=f"{scale.steps:,} parents → 1 child: submitted", value=stored, unit="s")
    yield Figure(name="records of the parents, which release the child", value=recorded, unit="s")
    stored, recorded = _run(system, [_step("split"), *(_step(step.name, "split") for step in many)], 1)
    yield Figure(name=f"1 parent → {scale.steps:,} children: submitted", value=stored, unit="s")
    yield Figure(name="record of the parent, which releases the children", value=recorded, unit="s")


def _step(name: str, *parents: str) -> NewStep:
    return NewStep(name=name, job=NewJob(job_type="bench_nothing"), deps=[Edge(parent) for parent in parents])


def _run(system: System, steps: Sequence[NewStep], count: int) -> tuple[float, float]:
    """Seconds of the submission, and of the records of the first `count` jobs."""
    system.clear()
    began = time.perf_counter()
    with system.database.transaction() as connection:
        graphs.submit(connection, NewWorkflow(name="benchmark"), steps)
    stored = time.perf_counter() - began
    system.execute("ANALYZE jobs, job_dependencies")
    with system.database.connection() as connection:
        return stored, sum(_recorded(connection, min(GROUP, count - place)) for place in range(0, count, GROUP))


def _recorded(connection: Connection, count: int) -> float:
    dispatched = dispatch.dispatch(connection, {LANE: count})
    claimed = executions.claim(
        connection, [(job.id, job.seq) for job in dispatched], worker_id="benchmark", lease_ms=60_000
    )
    if len(claimed) < count:
        raise RuntimeError(f"{count} jobs were to be ready, {len(claimed)} were")
    ended = [Ended.of(job, completed(None)) for job in claimed.values()]
    began = time.perf_counter()
    executions.record(connection, ended, worker_id="benchmark", shard=0)
    return time.perf_counter() - began
