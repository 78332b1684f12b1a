"""The load tests of the specification on 5 worker processes: more than 100 jobs a minute sustained, then a burst of 500.

Submissions and reads go through the HTTP API. Meanwhile Redis and PostgreSQL are asked something 10 times a second, metrics
are scraped as Prometheus does, and the dispatcher moves jobs that ended long ago to the archive.
"""

from __future__ import annotations

import http.client
import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field

from aeon_jobs.ops.benchmarks.figure import Figure, percentiles
from aeon_jobs.ops.benchmarks.http_api import HOST, Api, running_api
from aeon_jobs.ops.benchmarks.http_load import encoded, load
from aeon_jobs.ops.benchmarks.load import archive
from aeon_jobs.ops.benchmarks.load.scrapes import scraping
from aeon_jobs.ops.benchmarks.program import Program, resident_mb
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System

RATE = 5
"""Jobs per second of the sustained load: three times the 100 a minute that are required."""
NAP_S = 0.1
CLIENTS = 8
"""Of the burst: each sends without a pause, so all of it comes within seconds, not in the minute of the specification."""
LOOKS_PER_S = 10
POOL_SIZE = 10
ARCHIVED_PER_S = 1_500
"""More than the archive moves: it is at work the whole time."""
JOB = {"job_type": "bench_nap", "payload": {"seconds": NAP_S}}

PER_MINUTE, BURST_S = 100, 60
SUBMIT_MS, STATUS_MS, START_MS, REDIS_MS, QUERY_MS = 100, 50, 5_000, 10, 50
SCRAPE_MS = 1_000
COMPLETED_PERCENT, DEAD_PERCENT, POOL_PERCENT = 95, 1, 80
REDIS_MB, WORKER_MB = 256, 256


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    old = min(scale.stored, int(ARCHIVED_PER_S * scale.sustained_s))
    archive.fill(system, old)
    with ExitStack() as stack:
        api = stack.enter_context(running_api(system.directory, system.postgres.url, system.database))
        stack.enter_context(system.dispatcher())
        workers = stack.enter_context(system.workers(WORKER_PROCESSES=str(scale.load_workers)))
        with _looking(system) as looks, scraping(system, api) as scrapes:
            yield from _sustained(system, api, scale.sustained_s)
            yield from _burst(system, api, scale.burst)
            yield Figure(
                name=f"archived meanwhile, of {old:,}", value=archive.archived(system), unit="jobs", at_least=1
            )
        if scrapes.failed:
            raise RuntimeError(f"{len(scrapes.failed)} scrapes failed; the first: {scrapes.failed[0]}")
        yield from percentiles(
            f"scrape of {scrapes.kilobytes:.0f} kB meanwhile", scrapes.seconds, p50=math.inf, p95=SCRAPE_MS
        )
        yield from _resources(system, workers, looks, scale.load_workers)
    system.execute("TRUNCATE job_archive")


def _sustained(system: System, api: Api, seconds: float) -> Iterator[Figure]:
    name, count = f"sustained for {seconds:g} s", int(RATE * seconds)
    began, done = time.time(), system.finished()
    submitted, read = _paced(api, count)
    system.until_finished(done + count)
    per_minute = count / (time.time() - began) * 60
    yield Figure(name=f"{name}: jobs", value=per_minute, unit="jobs/min", at_least=PER_MINUTE)
    yield from percentiles(f"{name}: submission", submitted, p95=SUBMIT_MS)
    yield from percentiles(f"{name}: status", read, p95=STATUS_MS)
    yield from _outcome(system, name, began)


def _burst(system: System, api: Api, count: int) -> Iterator[Figure]:
    name, began, done = f"burst of {count}", time.time(), system.finished()
    request = encoded("POST", "/api/jobs", api.key, JOB)
    sent = load(HOST, api.port, CLIENTS, lambda: request, count=count)
    if sent.errors:
        raise RuntimeError(f"{len(sent.errors)} submissions failed; the first: {sent.errors[0]}")
    system.until_finished(done + count)
    yield Figure(name=f"{name}: all done after", value=time.time() - began, unit="s", at_most=BURST_S)
    yield from percentiles(f"{name}: submission", sent.taken, p95=SUBMIT_MS)
    yield from _outcome(system, name, began)


def _outcome(system: System, name: str, began: float) -> Iterator[Figure]:
    """How soon the jobs of this test started, and how they ended."""
    sql = """SELECT 100.0 * count(*) FILTER (WHERE status = 'completed') / count(*) AS completed,
                    100.0 * (SELECT count(*) FROM dead_letter_jobs) / count(*) AS dead,
                    percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - created_at)) AS start
             FROM jobs WHERE extract(epoch FROM created_at) >= :began"""
    row = system.execute(sql, began=began)[0]
    yield Figure(name=f"{name}: start p95", value=float(row.start) * 1_000, unit="ms", at_most=START_MS)
    yield Figure(name=f"{name}: completed", value=float(row.completed), unit="%", at_least=COMPLETED_PERCENT)
    yield Figure(name=f"{name}: dead letters", value=float(row.dead), unit="%", at_most=DEAD_PERCENT)


def _resources(system: System, workers: Program, looks: _Looks, processes: int) -> Iterator[Figure]:
    used = float(system.redis.info("memory")["used_memory_rss"]) / 2**20
    yield Figure(name="Redis", value=used, unit="MB", at_most=REDIS_MB)
    yield from percentiles("Redis command", looks.redis, p95=REDIS_MS)
    yield from percentiles("get_ready_jobs(10)", looks.queries, p95=QUERY_MS)
    # The API, the dispatcher, the workers; each has a pool.
    share = max(looks.busy) / (POOL_SIZE * (processes + 2)) * 100
    yield Figure(name="connections in use, of all pools", value=share, unit="%", at_most=POOL_PERCENT)
    largest = max(map(resident_mb, workers.processes()))
    yield Figure(name="the largest worker process", value=largest, unit="MB", at_most=WORKER_MB)


def _paced(api: Api, count: int) -> tuple[list[float], list[float]]:
    """One submission at a time and then a read of the same job; seconds of each."""
    submitted, read, start = [], [], time.monotonic()
    with closing(http.client.HTTPConnection(HOST, api.port, timeout=30)) as connection:
        for n in range(count):
            time.sleep(max(0.0, start + n / RATE - time.monotonic()))
            seconds, job = _request(connection, api.key, "POST", "/api/jobs", JOB)
            submitted.append(seconds)
            read.append(_request(connection, api.key, "GET", f"/api/jobs/{job['job_id']}")[0])
    return submitted, read


def _request(
    connection: http.client.HTTPConnection, key: str, method: str, path: str, body: object = None
) -> tuple[float, dict[str, object]]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body)
    began = time.perf_counter()
    connection.request(method, path, content, headers)
    response = connection.getresponse()
    content_read = response.read()
    seconds = time.perf_counter() - began
    if response.status >= 300:
        raise RuntimeError(f"{method} {path}: {response.status} {content_read[:300]!r}")
    return seconds, json.loads(content_read)


@dataclass(slots=True)
class _Looks:
    redis: list[float] = field(default_factory=list)
    """Seconds of a command."""
    queries: list[float] = field(default_factory=list)
    busy: list[int] = field(default_factory=list)
    """Connections that did something at the time of a look."""

    def look(self, system: System) -> None:
        began = time.perf_counter()
        system.redis.get("benchmark:nothing")
        asked = time.perf_counter()
        system.execute("SELECT id FROM get_ready_jobs(10)")
        self.redis.append(asked - began)
        self.queries.append(time.perf_counter() - asked)
        sql = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'
                 AND pid <> pg_backend_pid()"""
        self.busy.append(int(system.execute(sql)[0][0]))


@contextmanager
def _looking(system: System) -> Iterator[_Looks]:
    """A thread that looks at both servers; yields what it saw."""
    looks, stopped = _Looks(), threading.Event()

    def look() -> None:
        while not stopped.wait(1 / LOOKS_PER_S):
            looks.look(system)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        stopped.set()
        thread.join()
