"""The API with a million jobs stored, asked by 16 clients at once that never rest."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from ops.benchmarks.figure import Figure, percentiles
from ops.benchmarks.http_load import Request, load, wait_for_answer
from ops.benchmarks.program import Program, resident_mb
from ops.benchmarks.scale import Scale
from ops.benchmarks.site import Site
from persistence import api_keys
from persistence.database import Database

HOST = "127.0.0.1"
CLIENTS = 16
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


def measure(site: Site, scale: Scale) -> Iterator[Figure]:
    url, crowded = site.crowded(scale.crowd)
    with crowded.connection() as connection:
        ids = [str(row.id) for row in connection.execute(text("SELECT id FROM jobs TABLESAMPLE SYSTEM (1) LIMIT 2000"))]
    with running_api(site.directory, url, crowded) as api:
        _run(api, scale.requests // 5, _mixed(ids))
        for name, request, floor in (
            ("submit", _submit, SUBMIT_MS),
            ("status", _status(ids), STATUS_MS),
            ("lists", _lists, LIST_MS),
        ):
            # Alone, it is the price of an answer; in a crowd, mostly the wait for a core.
            alone, _, _ = _run(api, scale.requests // 10, request, clients=1)
            yield from percentiles(f"{name}, 1 client", alone, p50=float("inf"), p95=float("inf"))
            taken, seconds, _ = _run(api, scale.requests, request)
            yield from percentiles(f"{name}, {CLIENTS} clients", taken, p50=float("inf"), p95=floor)
            yield Figure(name=f"{name}, {CLIENTS} clients", value=len(taken) / seconds, unit="requests/s")
        yield from _soak(api, scale.soak_s, _mixed(ids))


@contextmanager
def running_api(directory: Path, url: str, database: Database) -> Iterator[Api]:
    """The API on a free port, and a key for it."""
    port = _free_port()
    with database.transaction() as connection:
        key = api_keys.create(connection, "benchmark", "admin")
    # As many requests as the machine can take: what is measured is not the limit.
    limits = {"API_RATE_LIMIT": "100000000"}
    program = Program(["api"], directory / "api.log", DATABASE_URL=url, API_PORT=str(port), **limits)
    with program:
        wait_for_answer(HOST, port)
        yield Api(program, port, key)


def _soak(api: Api, seconds: float, request: Callable[[], Request]) -> Iterator[Figure]:
    _, _, errors = _run(api, seconds / 3, request, is_time=True)
    first = _resident_mb(api)
    taken, took, more = _run(api, seconds * 2 / 3, request, is_time=True)
    last = _resident_mb(api)
    name = f"soak of {seconds:g} s"
    yield Figure(name=f"{name}: errors", value=len(errors + more), unit="", at_most=0)
    yield Figure(name=f"{name}: mixed", value=len(taken) / took, unit="requests/s")
    yield from percentiles(f"{name}: mixed", taken, p95=SUBMIT_MS)
    yield Figure(name=f"{name}: RSS after a third", value=first, unit="MB")
    yield Figure(name=f"{name}: RSS at the end", value=last, unit="MB", at_most=first * GROWTH)


def _run(
    api: Api, amount: float, request: Callable[[], Request], *, is_time: bool = False, clients: int = CLIENTS
) -> tuple[list[float], float, list[str]]:
    outcome = load(HOST, api.port, api.key, clients, request, **{"seconds" if is_time else "count": amount})
    if not is_time and outcome.errors:
        raise RuntimeError(f"{len(outcome.errors)} requests failed; the first: {outcome.errors[0]}")
    return outcome.taken, outcome.seconds, outcome.errors


def _submit() -> Request:
    return Request("POST", "/api/jobs", {"job_type": "bench_nothing", "payload": {"n": 1}, "metadata": {"tenant": 7}})


def _lists() -> Request:
    return Request("GET", f"/api/jobs{random.choice(LISTS)}")


def _status(ids: Sequence[str]) -> Callable[[], Request]:
    return lambda: Request("GET", f"/api/jobs/{random.choice(ids)}")


def _mixed(ids: Sequence[str]) -> Callable[[], Request]:
    """4 looks at a status and a list to every submission."""
    status = _status(ids)
    return lambda: random.choice([_submit, status, status, status, status, _lists])()


def _resident_mb(api: Api) -> float:
    return sum(map(resident_mb, api.program.processes()))


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
