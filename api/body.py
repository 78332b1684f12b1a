"""How a request's body becomes a value: limited in size before it is read, JSON only, parsed strictly."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from aeon_jobs.api import strict_json
from aeon_jobs.api.callers import Caller

SMALL = 65_536
"""Bytes. A larger body is parsed in a thread, so that other requests go on meanwhile."""


class UnsupportedMediaType(HTTPException):
    status_code = 415
    detail = "send the body as Content-Type: application/json"


class ApiRequest(Request[Caller, Any, State]):
    """Litestar asks `json()` for the body of every handler that takes `data`."""

    async def json(self) -> Any:
        if self.content_type[0] != "application/json":
            raise UnsupportedMediaType
        body = await self.body()
        return strict_json.parse(body) if len(body) <= SMALL else await sync_to_thread(strict_json.parse, body)
