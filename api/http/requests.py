"""How a request's body becomes a request of the contract: limited in size, time and reserved, JSON only, parsed strictly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, TypeVar

from litestar import Request
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.status_codes import HTTP_413_REQUEST_ENTITY_TOO_LARGE
from litestar.types import Empty

from aeon_jobs.api.contract import NewJobs
from aeon_jobs.api.http import strict_json
from aeon_jobs.api.http.errors import Problem, ProblemError
from aeon_jobs.api.http.intake.admission import SMALL, Admission
from aeon_jobs.api.http.intake.bulk import BulkReader
from aeon_jobs.api.service.core.compact import PORTION_BYTES
from aeon_jobs.api.service.core.principals import Principal
from aeon_jobs.api.service.core.validation import read

PIECE_BYTES = 65_536
BESIDES_PAYLOAD_BYTES = 131_072
"""What a job may hold besides the payload: metadata, dependencies, the other fields."""
T = TypeVar("T")
_THERE_WAS_ONE = b"{"


class UnsupportedMediaType(HTTPException):
    status_code = 415
    detail = "send the body as Content-Type: application/json"


class BodyTooLarge(HTTPException):
    status_code = HTTP_413_REQUEST_ENTITY_TOO_LARGE


class ApiRequest(Request[Principal, Any, State]):
    """Litestar asks `body()` and then `json()` for the body of every handler that takes `data`."""

    _bulk: NewJobs | None = None

    async def body(self) -> bytes:
        if self._body is Empty:
            limit = self.route_handler.resolve_request_max_body_size() or 0
            size = limit if self.content_length is None else self.content_length
            if size > limit:
                raise BodyTooLarge
            # A body is small because it says so: one of unknown length is not.
            if size > SMALL and self._wanted is NewJobs and self._is_json:
                self._bulk = await self._in_pieces(size)
                self._body = _THERE_WAS_ONE
            else:
                await self._admission.reserve_body(self.scope, size)
                await _Deadline(self._body_timeout_s).of(super().body())
        return self._body  # type: ignore[return-value]

    async def json(self) -> Any:
        if not self._is_json:
            raise UnsupportedMediaType
        body = await self.body()
        if self._bulk is not None:
            return self._bulk
        await self._admission.reserve_values(self.scope, len(body))
        # A large one in a thread, so that other requests go on meanwhile.
        return self._read(body) if len(body) <= SMALL else await sync_to_thread(self._read, body)

    @property
    def _is_json(self) -> bool:
        return self.content_type[0] == "application/json"

    def _read(self, body: bytes) -> Any:
        value = strict_json.parse(body)
        return value if self._wanted is None else read(self._wanted, value)

    async def _in_pieces(self, size: int) -> NewJobs:
        # Whole numbers as floats, and the names of fields that were left out, make what is kept larger than what came.
        reserved = 3 * size // 2 + (2 << 20)
        await self._admission.reserve_body(self.scope, reserved)
        reader = BulkReader(self._settings.job_max_payload_bytes + BESIDES_PAYLOAD_BYTES, reserved)
        deadline, stream, piece = _Deadline(self._body_timeout_s), self.stream(), bytearray()
        while chunk := await deadline.of(anext(stream, b"")):
            piece += chunk
            if len(piece) >= PIECE_BYTES:
                await self._feed(reader, bytes(piece))
                piece.clear()
        await self._feed(reader, bytes(piece))
        jobs = reader.finish()
        await self._admission.reserve_values(self.scope, max(reader.largest, PORTION_BYTES))
        return jobs

    async def _feed(self, reader: BulkReader, piece: bytes) -> None:
        async with self._admission.values(len(piece) + reader.pending):
            await sync_to_thread(reader.feed, piece)

    @property
    def _wanted(self) -> Any:
        wanted = self.route_handler.parsed_data_field
        return wanted and wanted.annotation

    @property
    def _settings(self) -> Any:
        return self.app.state.resources.settings

    @property
    def _admission(self) -> Admission:
        admission: Admission = self.app.state.resources.admission
        return admission

    @property
    def _body_timeout_s(self) -> float:
        return float(self._settings.api_body_timeout) / 1_000


class _Deadline:
    """How long the client may take; what we do between its pieces does not count."""

    def __init__(self, seconds: float) -> None:
        self._left = self._seconds = seconds

    async def of(self, reading: Awaitable[T]) -> T:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._left):
                return await reading
        except TimeoutError:
            raise ProblemError(
                Problem("request-timeout", 408, f"the body took more than {self._seconds:g} s")
            ) from None
        finally:
            self._left -= time.monotonic() - began
