"""The API with a million jobs stored. 16 clients send requests at the same time, without pauses."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy import text

from aeon_jobs.ops.benchmarks.figure import Figure, percentiles
from aeon_jobs.ops.benchmarks.http_load import Outcome, encoded, load, wait_for_answer
from aeon_jobs.ops.benchmarks.program import Program, resident_mb
from aeon_jobs.ops.benchmarks.scale import Scale
from aeon_jobs.ops.benchmarks.system import System
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database

HOST = "127.0.0.1"
CLIENTS = 16
STATUSES = 2_000
"""About how many different jobs are read."""
SUBMIT_MS, STATUS_MS, LIST_MS = 100, 50, 50
GROWTH = 1.05
"""Resident memory at the end of the soak over that after its first third: less is no growth."""

LISTS = (
    "",
    "?status=pending&sort=priority",
    "?status=failed&status=cancelled",
    "?job_type=bench_nap&limit=100",
    "?created_by=service-7",
    "?metadata=tenant:7",
    "?sort=updated_at&status=completed",
)


@dataclass(frozen=True, slots=True)
class Api:
    program: Program
    port: int
    key: str


def measure(system: System, scale: Scale) -> Iterator[Figure]:
    url, large = system.large_database(scale.stored)
    with large.connection() as connection:
        share = min(100.0, 100 * STATUSES / scale.stored)
        sample = text("SELECT id FROM jobs TABLESAMPLE BERNOULLI (:share)")
        ids = [str(row.id) for row in connection.execute(sample, {"share": share})]
    with running_api(system.directory, url, large) as api:
        requests = _Requests.of(api.key, ids)
        _counted(api, scale.requests // 5, requests.mixed)
        for name, request, floor in (
            ("submit", requests.submit, SUBMIT_MS),
            ("status", requests.status, STATUS_MS),
            ("lists", requests.list, LIST_MS),
        ):
            # With 1 client: the time of a request. With many: mostly the wait for a processor.
            alone = _counted(api, scale.requests // 10, request, clients=1)
            yield from percentiles(f"{name}, 1 client", alone.taken, p50=float("inf"), p95=float("inf"))
            before = _cpu_s(system, api)
            busy = _counted(api, scale.requests, request)
            yield from percentiles(f"{name}, {CLIENTS} clients", busy.taken, p50=float("inf"), p95=floor)
            yield Figure(name=f"{name}, {CLIENTS} clients", value=scale.requests / busy.seconds, unit="requests/s")
            cpu = {part: used - before[part] for part, used in _cpu_s(system, api).items()} | {"clients": busy.cpu_s}
            for part, used in cpu.items():
                yield Figure(name=f"{name}: CPU of {part} per 1,000", value=used / scale.requests * 1_000, unit="s")
        yield from _soak(api, scale.soak_s, requests.mixed)


@dataclass(frozen=True, slots=True)
class _Requests:
    """The requests of the clients, encoded before the clock starts."""

    submission: bytes
    statuses: Sequence[bytes]
    lists: Sequence[bytes]

    @classmethod
    def of(cls, key: str, ids: Sequence[str]) -> Self:
        job = {"job_type": "bench_nothing", "payload": {"n": 1}, "metadata": {"tenant": 7}}
        return cls(
            encoded("POST", "/api/jobs", key, job),
            [encoded("GET", f"/api/jobs/{job_id}", key) for job_id in ids],
            [encoded("GET", f"/api/jobs{query}", key) for query in LISTS],
        )

    def submit(self) -> bytes:
        return self.submission

    def status(self) -> bytes:
        return random.choice(self.statuses)

    def list(self) -> bytes:
        return random.choice(self.lists)

    def mixed(self) -> bytes:
        """To every submission four reads of a job and one list."""
        return random.choice((self.submit, self.status, self.status, self.status, self.status, self.list))()


@contextmanager
def running_api(directory: Path, url: str, database: Database) -> Iterator[Api]:
    """The API on a free port, and a key for it."""
    port = _free_port()
    with database.transaction() as connection:
        key = api_keys.create(connection, "benchmark", "admin")
    # No rate limit: the machine is measured, not the limit.
    limits = {"API_RATE_LIMIT": "100000000"}
    program = Program(["api"], directory / "api.log", DATABASE_URL=url, API_PORT=str(port), **limits)
    with program:
        wait_for_answer(HOST, port)
        yield Api(program, port, key)


def _soak(api: Api, seconds: float, request: Callable[[], bytes]) -> Iterator[Figure]:
    first_third = load(HOST, api.port, CLIENTS, request, seconds=seconds / 3)
    first = _resident_mb(api)
    rest = load(HOST, api.port, CLIENTS, request, seconds=seconds * 2 / 3)
    last = _resident_mb(api)
    name = f"soak of {seconds:g} s"
    yield Figure(name=f"{name}: errors", value=len(first_third.errors + rest.errors), unit="", at_most=0)
    yield Figure(name=f"{name}: mixed", value=len(rest.taken) / rest.seconds, unit="requests/s")
    yield from percentiles(f"{name}: mixed", rest.taken, p95=SUBMIT_MS)
    yield Figure(name=f"{name}: RSS after a third", value=first, unit="MB")
    yield Figure(name=f"{name}: RSS at the end", value=last, unit="MB", at_most=first * GROWTH)


def _counted(api: Api, count: int, request: Callable[[], bytes], *, clients: int = CLIENTS) -> Outcome:
    """
    Raises:
        RuntimeError: a request failed.
    """
    outcome = load(HOST, api.port, clients, request, count=count)
    if outcome.errors:
        raise RuntimeError(f"{len(outcome.errors)} requests failed; the first: {outcome.errors[0]}")
    return outcome


def _cpu_s(system: System, api: Api) -> dict[str, float]:
    return {"the API": api.program.cpu_s(), **system.server_cpu_s()}


def _resident_mb(api: Api) -> float:
    return sum(map(resident_mb, api.program.processes()))


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
