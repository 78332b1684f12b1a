"""Clients that send the next request as soon as they have the answer, on connections that stay open.

All clients share one thread. Requests are encoded before the clock starts; of an answer only the status and the length are
read. So a request costs the client some tens of microseconds, and the server is measured, although it shares the processors
with the clients.
"""

from __future__ import annotations

import http.client
import json
import re
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from aeon_jobs.ops.benchmarks.system import wait_until

TIMEOUT_S = 30
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Outcome:
    taken: list[float]
    """Seconds of each request that was answered with 2xx."""
    seconds: float
    errors: list[str]
    cpu_s: float
    """CPU seconds of the clients themselves."""


def encoded(method: str, path: str, key: str, body: object = None) -> bytes:
    """A request as it goes over the transport."""
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: benchmark\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def load(
    host: str,
    port: int,
    clients: int,
    request: Callable[[], bytes],
    *,
    count: float = float("inf"),
    seconds: float = float("inf"),
) -> Outcome:
    """`clients` at once, until `count` requests were made or `seconds` are over."""
    taken: list[float] = []
    errors: list[str] = []
    began, cpu_before = time.perf_counter(), time.thread_time()
    sent = 0
    with _connected(host, port, clients) as (ready, idle):
        while idle or ready.get_map():
            while idle and sent < count and time.perf_counter() - began < seconds:
                idle.pop().send(request(), ready)
                sent += 1
            if not ready.get_map():
                break
            for client in _answered(ready):
                _record(client, taken, errors)
                idle.append(client)
    return Outcome(taken, time.perf_counter() - began, errors, time.thread_time() - cpu_before)


def wait_for_answer(host: str, port: int) -> None:
    """Until the API says that it is ready."""
    wait_until(lambda: _is_ready(host, port), "the API")


@dataclass(slots=True)
class _Client:
    """A connection with at most one open request."""

    connection: socket.socket
    request: bytes = b""
    answer: bytearray = field(default_factory=bytearray)
    began: float = 0
    ended: float = 0

    def send(self, request: bytes, ready: selectors.BaseSelector) -> None:
        self.request, self.answer = request, bytearray()
        self.began = time.perf_counter()
        self.connection.sendall(request)
        ready.register(self.connection, selectors.EVENT_READ, self)

    def receive(self) -> bool:
        """Read what has arrived; whether the answer is complete.

        Raises:
            ConnectionError: the server closed the connection.
        """
        if not (read := self.connection.recv(262_144)):
            raise ConnectionError(f"closed the connection instead of answering {self.request[:100]!r}")
        self.answer += read
        head = self.answer.find(b"\r\n\r\n")
        length = _LENGTH.search(self.answer, 0, head + 2) if head >= 0 else None
        is_whole = head >= 0 and len(self.answer) >= head + 4 + (int(length[1]) if length else 0)
        self.ended = time.perf_counter()
        return is_whole


@contextmanager
def _connected(host: str, port: int, clients: int) -> Iterator[tuple[selectors.BaseSelector, list[_Client]]]:
    with selectors.DefaultSelector() as ready:
        connected = [_Client(socket.create_connection((host, port), TIMEOUT_S)) for _ in range(clients)]
        try:
            for client in connected:
                client.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield ready, list(connected)
        finally:
            for client in connected:
                client.connection.close()


def _answered(ready: selectors.BaseSelector) -> list[_Client]:
    """The clients whose answer is complete; waits for the next bytes.

    Raises:
        TimeoutError: no bytes within TIMEOUT_S.
    """
    if not (events := ready.select(TIMEOUT_S)):
        raise TimeoutError(f"no answer within {TIMEOUT_S} s")
    answered: list[_Client] = [key.data for key, _ in events if key.data.receive()]
    for client in answered:
        ready.unregister(client.connection)
    return answered


def _record(client: _Client, taken: list[float], errors: list[str]) -> None:
    status = client.answer[9:12]
    if status.startswith(b"2"):
        taken.append(client.ended - client.began)
    else:
        line, _, _ = client.request.partition(b" HTTP")
        errors.append(f"{line.decode()}: {bytes(client.answer)[9:400]!r}")


def _is_ready(host: str, port: int) -> bool:
    with closing(http.client.HTTPConnection(host, port, timeout=2)) as connection:
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
