"""Clients that ask again as soon as they are answered, over connections that stay open.

All of them in one thread: bytes that were encoded before the clock started are written to a socket, and of the answer no
more is read than its status and its length. So a request costs the client some tens of microseconds, and what is
measured is the server, though it shares its processors with us.
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
    """What the clients themselves took of the processors."""


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
    asked = 0
    with _connected(host, port, clients) as (ready, idle):
        while idle or ready.get_map():
            while idle and asked < count and time.perf_counter() - began < seconds:
                idle.pop().ask(request(), ready)
                asked += 1
            if not ready.get_map():
                break
            for conversation in _answered(ready):
                _note(conversation, taken, errors)
                idle.append(conversation)
    return Outcome(taken, time.perf_counter() - began, errors, time.thread_time() - cpu_before)


def wait_for_answer(host: str, port: int) -> None:
    """Until the API says that it is ready."""
    wait_until(lambda: _is_ready(host, port), "the API")


@dataclass(slots=True)
class _Conversation:
    """A connection that waits for at most one answer."""

    connection: socket.socket
    request: bytes = b""
    answer: bytearray = field(default_factory=bytearray)
    began: float = 0
    ended: float = 0

    def ask(self, request: bytes, ready: selectors.BaseSelector) -> None:
        self.request, self.answer = request, bytearray()
        self.began = time.perf_counter()
        self.connection.sendall(request)
        ready.register(self.connection, selectors.EVENT_READ, self)

    def hear(self) -> bool:
        """Read what came; whether that is all.

        Raises:
            ConnectionError: the server hung up in the middle.
        """
        if not (read := self.connection.recv(262_144)):
            raise ConnectionError(f"hung up instead of answering {self.request[:100]!r}")
        self.answer += read
        head = self.answer.find(b"\r\n\r\n")
        length = _LENGTH.search(self.answer, 0, head + 2) if head >= 0 else None
        is_whole = head >= 0 and len(self.answer) >= head + 4 + (int(length[1]) if length else 0)
        self.ended = time.perf_counter()
        return is_whole


@contextmanager
def _connected(host: str, port: int, clients: int) -> Iterator[tuple[selectors.BaseSelector, list[_Conversation]]]:
    with selectors.DefaultSelector() as ready:
        conversations = [_Conversation(socket.create_connection((host, port), TIMEOUT_S)) for _ in range(clients)]
        try:
            for conversation in conversations:
                conversation.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield ready, list(conversations)
        finally:
            for conversation in conversations:
                conversation.connection.close()


def _answered(ready: selectors.BaseSelector) -> list[_Conversation]:
    """Those whose answer is complete; waits for the next bytes of any.

    Raises:
        TimeoutError: the server says nothing any more.
    """
    if not (events := ready.select(TIMEOUT_S)):
        raise TimeoutError(f"no answer within {TIMEOUT_S} s")
    answered: list[_Conversation] = [key.data for key, _ in events if key.data.hear()]
    for conversation in answered:
        ready.unregister(conversation.connection)
    return answered


def _note(conversation: _Conversation, taken: list[float], errors: list[str]) -> None:
    status = conversation.answer[9:12]
    if status.startswith(b"2"):
        taken.append(conversation.ended - conversation.began)
    else:
        line, _, _ = conversation.request.partition(b" HTTP")
        errors.append(f"{line.decode()}: {bytes(conversation.answer)[9:400]!r}")


def _is_ready(host: str, port: int) -> bool:
    with closing(http.client.HTTPConnection(host, port, timeout=2)) as connection:
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
