"""One seed: build, work, break, mend, wait until all is over, collect, judge."""

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
from aeon_jobs.persistence.hints import Hints, redis_client
from aeon_jobs.persistence.queue import schedules
from aeon_jobs.persistence.queue.schedules import NewSchedule
from tests.faults.history import collect, faults, workload
from tests.faults.history.checker import Violation, check
from tests.faults.history.cluster import Cluster, Servers, cluster
from tests.faults.history.record import Record
from tests.waiting import wait_for

DURATION_S = 7.0
JOBS = 100
FAULTS = 8
TIMEOUT_S = 100.0
LOOK_S = 0.02
MISSED_MOMENTS = 10


@dataclass(frozen=True, slots=True)
class Result:
    seed: int
    jobs: int
    faults: list[faults.Fault]
    recovered_s: float
    """From the end of the last fault, and of the last submission, until every job was over."""
    violations: list[Violation]
    record: Record


def run(seed: int, servers: Servers) -> Result:
    rng = Random(seed)
    skew_s = rng.choice(faults.SKEWS_S)
    jobs_planned, faults_planned = workload.plan(rng, JOBS, DURATION_S), faults.plan(rng, FAULTS, DURATION_S)
    record = Record()
    # The same seed may run more than once on the same servers.
    with cluster(servers, f"run_{seed}_{time.time_ns()}", skew_s) as place:
        moments = _schedule(place.database)
        place.scheduler.start()
        client = redis_client(servers.redis.url, socket_timeout=1)
        producer = workload.Producer(place.database, Hints(client, "aeon-jobs"), jobs_planned, record)
        producer.start()
        _break_things(place, faults_planned)
        while not producer.is_done:
            _keep(place)
        mended = time.monotonic()
        _wait_until_over(place)
        recovered_s = time.monotonic() - mended
        place.stop()
        client.close()
        collect.fill(record, place, moments)
    return Result(seed, len(record.jobs), faults_planned, recovered_s, check(record), record)


def _schedule(database: Database) -> list[datetime]:
    """A schedule that has some moments to make up for; which."""
    now = datetime.now(UTC)
    missed = [now.replace(second=0, microsecond=0) - timedelta(minutes=ago) for ago in range(MISSED_MOMENTS, 0, -1)]
    with database.transaction() as connection:
        schedules.create(connection, NewSchedule(name="s", job_type="h_note", cron="* * * * *", catch_up="all"), now)
        connection.execute(text("UPDATE job_schedules SET next_run_at = :first"), {"first": missed[0]})
    return missed


def _break_things(place: Cluster, planned: list[faults.Fault]) -> None:
    began = time.monotonic()
    steps: list[tuple[float, int, Callable[[], None]]] = []

    def begin(number: int, fault: faults.Fault) -> None:
        mend = place.begin(fault)
        heapq.heappush(steps, (time.monotonic() - began + fault.duration_s, number, mend))

    for number, fault in enumerate(planned):
        steps.append((fault.at, number, lambda n=number, f=fault: begin(n, f)))  # type: ignore[misc]
    heapq.heapify(steps)
    while steps:
        while steps[0][0] > time.monotonic() - began:
            _keep(place)
        heapq.heappop(steps)[2]()
    place.mend()


def _keep(place: Cluster) -> None:
    place.keep()
    time.sleep(LOOK_S)


def _wait_until_over(place: Cluster) -> None:
    """The judge decides what it means if they never are."""

    def look() -> bool:
        place.keep()
        with suppress(SQLAlchemyError):
            return collect.is_over(place.database)
        return False

    def ticked() -> bool:
        place.keep()
        with suppress(SQLAlchemyError):
            return collect.has_ticked(place.database)
        return False

    if not ticked():
        # The tick was lost with Redis. The next comes within a minute; a scheduler that starts sends one at once.
        place.scheduler.kill()
    with suppress(AssertionError):
        wait_for(ticked, "the schedule went on", TIMEOUT_S)
        wait_for(look, "every job is over", TIMEOUT_S)
