"""How many bodies a process works on at once, by what they cost in memory.

1. `reserve_body` before a body is read, for its bytes. Large bodies wait for large ones alone.
2. `reserve_values` before it is parsed: a value takes up to VALUES_FACTOR times the bytes of its text.
Both are given back when the request is over.

Who waits too long gets 503 with Retry-After. Meanwhile the client's body waits in the kernel.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar.types import Scope

from aeon_jobs.api.http.errors import ProblemError, unavailable
from aeon_jobs.api.http.intake.byte_limiter import ByteLimiter
from aeon_jobs.api.http.intake.release import at_end
from aeon_jobs.persistence.core.settings import Settings

SMALL = 65_536
"""Bytes of a body that is not large."""
VALUES_FACTOR = 50
"""`[[[]]]`: each pair of brackets is a list of 64 bytes, with space for four items."""
WAIT_S = 30.0


class Admission:
    """One per process."""

    def __init__(self, settings: Settings) -> None:
        held = settings.api_max_held_bytes
        self._small, self._large, self._values = ByteLimiter(held // 8), ByteLimiter(held // 4), ByteLimiter(held // 2)

    async def reserve_body(self, scope: Scope, size: int) -> None:
        """
        Raises:
            ProblemError: 503.
        """
        await self._acquire(scope, self._small if size <= SMALL else self._large, size)

    async def reserve_values(self, scope: Scope, size: int) -> None:
        """For what the text of `size` bytes says, until the end of the request."""
        await self._acquire(scope, self._values, size * VALUES_FACTOR)

    @asynccontextmanager
    async def values(self, size: int) -> AsyncIterator[None]:
        """For what the text of `size` bytes says, for a moment."""
        acquired = await _acquired(self._values, size * VALUES_FACTOR)
        try:
            yield
        finally:
            self._values.release(acquired)

    async def _acquire(self, scope: Scope, limiter: ByteLimiter, size: int) -> None:
        acquired = await _acquired(limiter, size)
        at_end(scope, lambda: limiter.release(acquired))


async def _acquired(limiter: ByteLimiter, size: int) -> int:
    try:
        return await limiter.acquire(size, WAIT_S)
    except TimeoutError:
        raise ProblemError(unavailable("the API works on too many large requests", retry_after_s=5)) from None
