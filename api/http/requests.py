"""How a request's body becomes a request of the contract: limited in size before it is read, JSON only, parsed strictly."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from aeon_jobs.api.http import strict_json
from aeon_jobs.api.service.core.principals import Principal
from aeon_jobs.api.service.core.validation import read

SMALL = 65_536
"""Bytes. A larger body is parsed in a thread, so that other requests go on meanwhile."""


class UnsupportedMediaType(HTTPException):
    status_code = 415
    detail = "send the body as Content-Type: application/json"


class ApiRequest(Request[Principal, Any, State]):
    """Litestar asks `json()` for the body of every handler that takes `data`."""

    async def json(self) -> Any:
        if self.content_type[0] != "application/json":
            raise UnsupportedMediaType
        body = await self.body()
        return self._read(body) if len(body) <= SMALL else await sync_to_thread(self._read, body)

    def _read(self, body: bytes) -> Any:
        value = strict_json.parse(body)
        wanted = self.route_handler.parsed_data_field
        return value if wanted is None else read(wanted.annotation, value)
