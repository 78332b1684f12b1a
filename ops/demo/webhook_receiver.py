"""A real receiver of webhooks for the demo. It verifies every signature. The path decides the answer:

    /steady    204
    /busy      503 with Retry-After the first time, then 204
    /flaky     500 twice, then 204
    /slow      200, then a body that takes twenty seconds

"First" is counted by webhook-id, which stays the same on a retry.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"
ANSWERS: Mapping[str, tuple[int, ...]] = {
    "/steady": (204,),
    "/busy": (503, 204),
    "/flaky": (500, 500, 204),
    "/slow": (200,),
}
RETRY_AFTER_S = 2
"""More than the first backoff, which is 1 s. So a check can see that the header was obeyed."""

DRIP_S, DRIPS = 0.1, 200
LARGEST_BODY = 1_048_576

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request and its answer."""

    webhook_id: str
    path: str
    body: bytes
    genuine: bool
    """Whether the signature was right."""
    answer: int
    at: float
    """Seconds of the monotonic clock."""


class WebhookReceiver:
    """Listens while its `with` block lasts, on a port that the system chose."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._deliveries: list[Delivery] = []
        self._tries: Counter[str] = Counter()
        self._lock = Lock()
        self.stopping = Event()
        self._server = _Server((HOST, 0), _Handler)
        self._server.receiver = self
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="webhook-receiver")

    @property
    def address(self) -> str:
        """host:port, for WEBHOOK_ALLOW_HOSTS."""
        return f"{HOST}:{self._server.server_address[1]}"

    @property
    def deliveries(self) -> list[Delivery]:
        with self._lock:
            return list(self._deliveries)

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Record a request; returns the status to answer."""
        genuine = self._is_genuine(headers, body)
        webhook_id = headers.get("webhook-id", "")
        with self._lock:
            answer = self._answer(path, webhook_id, genuine)
            self._deliveries.append(Delivery(webhook_id, path, body, genuine, answer, time.monotonic()))
        return answer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _is_genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        # Imported late: the import reads DATABASE_URL and REDIS_URL, which `system` sets.
        from aeon_jobs.actors.webhook_delivery.standard_webhooks import SignatureError, verify

        try:
            verify(self._secret, headers, body)
        except SignatureError as error:
            _log.warning("webhook refused: %s", error)
            return False
        return True

    def _answer(self, path: str, webhook_id: str, genuine: bool) -> int:
        if not genuine:
            return 401
        if path not in ANSWERS:
            return 404
        answers = ANSWERS[path]
        tries = self._tries[webhook_id]
        self._tries[webhook_id] += 1
        return answers[min(tries, len(answers) - 1)]


class _Server(ThreadingTCPServer):  # http.server's own server looks up its name in DNS
    receiver: WebhookReceiver
    # The default of 5 makes the sixth worker that connects at once wait a second for TCP's next try.
    request_queue_size = 128
    daemon_threads = False  # server_close waits for them

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.info("webhook connection broke", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("content-length", 0)), LARGEST_BODY))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.server.receiver.take(self.path, headers, body)
        self.send_response(status)
        if status == 503:
            self.send_header("Retry-After", str(RETRY_AFTER_S))
        self.end_headers()
        if status == 200:
            self._drip()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal shows the progress."""

    def _drip(self) -> None:
        # The client closes the connection when its job is cancelled.
        with suppress(OSError):
            for _ in range(DRIPS):
                self.wfile.write(b".")
                if self.server.receiver.stopping.wait(DRIP_S):
                    return
