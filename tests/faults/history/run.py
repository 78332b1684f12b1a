"""One seed: start, submit, inject faults, repair, wait until all jobs are final, collect, check."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.hints import Hints
from aeon_jobs.persistence.redis_clients import redis_client
from aeon_jobs.persistence.schedules import repository
from aeon_jobs.persistence.schedules.definitions import NewSchedule
from tests.faults.history import batches, collect, faults, workload
from tests.faults.history.checker import Violation, check
from tests.faults.history.cluster import Cluster, Servers, started
from tests.faults.history.record import Record
from tests.waiting import wait_for

DURATION_S = 7.0
JOBS = 100
BATCHES = 3
GRAPHS = 3
FAULTS = 8
TIMEOUT_S = 100.0
POLL_S = 0.02
MISSED_DUE_TIMES = 10


@dataclass(frozen=True, slots=True)
class Result:
    seed: int
    jobs: int
    faults: list[faults.Fault]
    recovered_s: float
    """From the last repair and the last submission until every job was final."""
    violations: list[Violation]
    record: Record


def run(seed: int, servers: Servers) -> Result:
    rng = Random(seed)
    skew_s = rng.choice(faults.SKEWS_S)
    jobs_planned, faults_planned = workload.plan(rng, JOBS, DURATION_S), faults.plan(rng, FAULTS, DURATION_S)
    batches_planned = batches.plan(rng, BATCHES, DURATION_S)
    graphs_planned = batches.plan_graphs(rng, GRAPHS, DURATION_S)
    record = Record()
    # The same seed may run more than once on the same servers.
    with started(servers, f"run_{seed}_{time.time_ns()}", skew_s) as cluster:
        due_times = _schedule(cluster.database)
        cluster.scheduler.start()
        client = redis_client(servers.redis.url, socket_timeout=1)
        producer = workload.Producer(cluster.database, Hints(client, "aeon-jobs"), jobs_planned, record)
        producer.plan_workflows(batches_planned, graphs_planned)
        producer.start()
        _inject(cluster, faults_planned)
        while not producer.is_done:
            _poll(cluster)
        repaired = time.monotonic()
        _wait_until_over(cluster)
        recovered_s = time.monotonic() - repaired
        cluster.stop()
        client.close()
        collect.fill(record, cluster, due_times)
    return Result(seed, len(record.jobs), faults_planned, recovered_s, check(record), record)


def _schedule(database: Database) -> list[datetime]:
    """Create a schedule that was not served for some minutes; its missed due times."""
    now = datetime.now(UTC)
    missed = [now.replace(second=0, microsecond=0) - timedelta(minutes=ago) for ago in range(MISSED_DUE_TIMES, 0, -1)]
    with database.transaction() as connection:
        new = NewSchedule(name="s", job_type="h_note", cron="* * * * *", catch_up="all", overlap="allow_all")
        repository.create(connection, new, now)
        connection.execute(text("UPDATE job_schedules SET next_run_at = :first"), {"first": missed[0]})
    return missed


def _pause_schedule(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(text("UPDATE job_schedules SET enabled = false"))


def _inject(cluster: Cluster, planned: list[faults.Fault]) -> None:
    began = time.monotonic()
    steps: list[tuple[float, int, Callable[[], None]]] = []

    def inject(number: int, fault: faults.Fault) -> None:
        repair = cluster.inject(fault)
        heapq.heappush(steps, (time.monotonic() - began + fault.duration_s, number, repair))

    for number, fault in enumerate(planned):
        steps.append((fault.at, number, lambda n=number, f=fault: inject(n, f)))  # type: ignore[misc]
    heapq.heapify(steps)
    while steps:
        while steps[0][0] > time.monotonic() - began:
            _poll(cluster)
        heapq.heappop(steps)[2]()
    cluster.repair()


def _poll(cluster: Cluster) -> None:
    cluster.restart_dead()
    time.sleep(POLL_S)


def _wait_until_over(cluster: Cluster) -> None:
    """Returns after the timeout too; the checker then reports the open jobs."""

    def is_over() -> bool:
        cluster.restart_dead()
        with suppress(SQLAlchemyError):
            return collect.is_over(cluster.database)
        return False

    def has_ticked() -> bool:
        cluster.restart_dead()
        with suppress(SQLAlchemyError):
            return collect.has_ticked(cluster.database)
        return False

    if not has_ticked():
        # Redis lost the tick. The next comes within a minute; a scheduler that starts sends one at once.
        cluster.scheduler.kill()
    with suppress(AssertionError):
        wait_for(has_ticked, "the schedule continues", TIMEOUT_S)
        # The next minute may begin between the look that finds all jobs final, and the end of the cluster.
        _pause_schedule(cluster.database)
        wait_for(is_over, "every job is final", TIMEOUT_S)
