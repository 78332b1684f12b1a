"""The metrics as an ASGI application of its own, without keys: for a network in which only Prometheus can reach it.

GET /metrics        what Prometheus scrapes
GET /health/live    this process answers
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from aeon_jobs.api.metrics.exposition import CONTENT_TYPE, Exposition

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PLAIN = "text/plain; charset=utf-8"


class MetricsApplication:
    def __init__(self, exposition: Exposition) -> None:
        self._exposition = exposition

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            status, content_type, body = await self._answer(scope["method"], scope["path"])
            headers = {"content-type": content_type, "content-length": str(len(body)), "cache-control": "no-store"}
            encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": status, "headers": encoded})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, method: str, path: str) -> tuple[int, str, bytes]:
        if method not in ("GET", "HEAD"):
            return 405, _PLAIN, b"only GET\n"
        match path:
            case "/metrics":
                return 200, CONTENT_TYPE, await asyncio.to_thread(self._exposition.text)
            case "/health/live":
                return 200, _PLAIN, b"ok\n"
            case _:
                return 404, _PLAIN, b"here are /metrics and /health/live\n"
