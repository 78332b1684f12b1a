"""The webhook of an operator: keeps what Alertmanager sends."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert of one message."""

    name: str
    status: str
    """firing or resolved"""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    at: float
    """Seconds of the monotonic clock."""


class Receiver:
    """Listens while its `with` block lasts, on a port that the system chose."""

    def __init__(self) -> None:
        self._notices: list[Notice] = []
        self._lock = Lock()
        self._server = ThreadingTCPServer((HOST, 0), _handler(self._keep))
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1})

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_address[1]}/alerts"

    def latest(self, name: str, since: float) -> list[Notice]:
        """The newest notice of each alert of this name (they differ in their labels) that came after `since`."""
        with self._lock:
            found = [notice for notice in self._notices if notice.name == name and notice.at >= since]
        return list({frozenset(notice.labels.items()): notice for notice in found}.values())

    def names(self) -> list[str]:
        """What came, in order: `WorkerDown firing`."""
        with self._lock:
            return list(dict.fromkeys(f"{notice.name} {notice.status}" for notice in self._notices))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _keep(self, message: Mapping[str, Any]) -> None:
        now = time.monotonic()
        notices = [
            Notice(alert["labels"]["alertname"], alert["status"], alert["labels"], alert["annotations"], now)
            for alert in message["alerts"]
        ]
        with self._lock:
            self._notices += notices


def _handler(keep: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            keep(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Silent."""

    return Handler
