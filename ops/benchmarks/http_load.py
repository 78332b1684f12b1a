"""Clients that ask again as soon as they are answered, over connections that stay open.

The standard library's client: a heavier one would take the processor from the server that it measures.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import count as counter
from typing import Any

from ops.benchmarks.site import wait_until


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    body: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    taken: list[float]
    """Seconds of each request that was answered with 2xx."""
    seconds: float
    errors: list[str]


def load(
    host: str,
    port: int,
    key: str,
    clients: int,
    request: Callable[[], Request],
    *,
    count: float = float("inf"),
    seconds: float = float("inf"),
) -> Outcome:
    """`clients` at once, until `count` requests were made or `seconds` are over."""
    began = time.perf_counter()
    tickets = counter()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def client(_: int) -> tuple[list[float], list[str]]:
        taken: list[float] = []
        errors: list[str] = []
        with closing(http.client.HTTPConnection(host, port, timeout=30)) as connection:
            while next(tickets) < count and time.perf_counter() - began < seconds:
                _ask(connection, request(), headers, taken, errors)
        return taken, errors

    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(client, range(clients)))
    took = time.perf_counter() - began
    return Outcome([s for taken, _ in answers for s in taken], took, [e for _, errors in answers for e in errors])


def wait_for_answer(host: str, port: int) -> None:
    """Until the API says that it is ready."""
    wait_until(lambda: _is_ready(host, port), "the API")


def _ask(
    connection: http.client.HTTPConnection,
    request: Request,
    headers: dict[str, str],
    taken: list[float],
    errors: list[str],
) -> None:
    body = None if request.body is None else json.dumps(request.body)
    began = time.perf_counter()
    try:
        connection.request(request.method, request.path, body, headers)
        response = connection.getresponse()
        text = response.read()
    except OSError as error:
        connection.close()
        errors.append(repr(error))
        return
    if response.status < 300:
        taken.append(time.perf_counter() - began)
    else:
        errors.append(f"{request.method} {request.path}: {response.status} {text[:300]!r}")


def _is_ready(host: str, port: int) -> bool:
    with closing(http.client.HTTPConnection(host, port, timeout=2)) as connection:
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
