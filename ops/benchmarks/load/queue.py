"""Jobs that wait while the queue is paused, and the drain that follows."""

from __future__ import annotations

import time
from collections.abc import Callable

from aeon_jobs.ops.benchmarks.system import System, wait_until
from aeon_jobs.persistence.queue import queues

QUEUE = "default"


def pause(system: System) -> None:
    with system.database.connection() as connection:
        queues.pause(connection, QUEUE, by="benchmark")


def resume(system: System) -> None:
    with system.database.connection() as connection:
        queues.resume(connection, QUEUE)


def drained_per_s(system: System, submit: Callable[[], int], limit_s: float) -> float:
    """Jobs a second of what `submit` stores, which returns how many; of the first `limit_s` if they take longer."""
    pause(system)
    # What was dispatched before, of a larger backlog, is not this drain's.
    wait_until(lambda: not system.unacked(), "the end of what runs")
    last = _last_execution(system)
    done = system.finished() + submit()
    resume(system)
    end = time.monotonic() + limit_s
    while system.finished() < done and time.monotonic() < end:
        time.sleep(0.05)
    return _rate(system, last, limit_s)


def _last_execution(system: System) -> int:
    return int(system.execute("SELECT coalesce(max(id), 0) FROM job_executions")[0][0])


def _rate(system: System, after: int, limit_s: float) -> float:
    """By the clock of PostgreSQL, from the first start."""
    sql = """WITH run AS (SELECT started_at, finished_at FROM job_executions WHERE id > :after),
                  began AS (SELECT min(started_at) AS at FROM run)
             SELECT count(*) / extract(epoch FROM max(finished_at) - began.at) FROM run, began
             WHERE finished_at <= began.at + make_interval(secs => :limit_s) GROUP BY began.at"""
    return float(system.execute(sql, after=after, limit_s=limit_s)[0][0])
