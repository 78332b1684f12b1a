"""The real API behind a real uvicorn on a free port, in a thread of the test's process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from aeon_jobs.api.http.app import create_app
from aeon_jobs.api.server.run import config as server_config
from aeon_jobs.persistence.core.settings import Settings
from tests.waiting import wait_for


class Unwilling:
    """In front of an application: refuses a number of requests with 503, and passes on all others."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.refusals = 0
        self.retry_after = "0"
        self.requests: list[tuple[str, str, str]] = []
        """(method, path, Idempotency-Key) of all requests, including refused ones."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        key = dict(scope["headers"]).get(b"idempotency-key", b"").decode()
        self.requests.append((scope["method"], scope["path"], key))
        if self.refusals:
            self.refusals -= 1
            headers = [(b"retry-after", self.retry_after.encode()), (b"content-type", b"text/html")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": b"<h1>a proxy's page</h1>"})
            return
        await self._app(scope, receive, send)


class ApiServer:
    def __init__(self, address: str, front: Unwilling) -> None:
        self.address, self.front = address, front


@contextmanager
def running_api(settings: Settings) -> Iterator[ApiServer]:
    front = Unwilling(create_app(settings))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(server_config(settings, front, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="api server")
        thread.start()
        try:
            wait_for(lambda: server.started or not thread.is_alive(), "the API is up")
            yield ApiServer(f"http://127.0.0.1:{listener.getsockname()[1]}", front)
        finally:
            server.should_exit = True
            thread.join(15)
