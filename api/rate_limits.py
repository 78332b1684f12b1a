"""How often a key may call: a token bucket in Redis, shared by all API processes, taken from atomically.

Without Redis the limit cannot be kept. API_RATE_LIMIT_FALLBACK says what happens then: `open` lets requests
through (jobs matter more than limits), `closed` refuses them with 503.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from importlib import resources
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.errors import Problem, ProblemError, unavailable

WINDOW_MS = 60_000
REST_S = 1.0
"""After a failure Redis is left alone for so long, so that its time-outs do not slow every request down."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What is left of a limit."""

    limit: int
    allowed: bool
    remaining: int
    reset_s: int
    retry_after_s: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }


class RateLimits:
    """Takes from buckets. One per process; must live in one event loop."""

    def __init__(self, redis: Redis, prefix: str, *, fail_open: bool) -> None:
        self._prefix, self._fail_open = prefix, fail_open
        self._take = redis.register_script(resources.files("api").joinpath("rate_limit.lua").read_text())
        self._resting_until = 0.0

    async def take(self, bucket: str, limit: int) -> Grant | None:
        """One token of `limit` per minute; None when there is no limit, or no Redis to keep it.

        Raises:
            ProblemError: 429, or 503 when Redis is away and the limits fail closed.
        """
        if limit == 0:
            return None
        grant = await self._ask(bucket, limit)
        if grant is None and not self._fail_open:
            raise ProblemError(unavailable("rate limits cannot be kept: Redis cannot be reached"))
        if grant is not None and not grant.allowed:
            raise ProblemError(too_many(grant))
        return grant

    async def _ask(self, bucket: str, limit: int) -> Grant | None:
        if time.monotonic() < self._resting_until:
            return None
        try:
            answer: list[int] = await self._take(
                keys=[f"{self._prefix}:api:limit:{bucket}"], args=[limit, WINDOW_MS, 1]
            )
        except (RedisError, OSError):
            self._resting_until = time.monotonic() + REST_S
            return None
        return _grant(limit, answer)


def too_many(grant: Grant) -> Problem:
    return Problem(
        "too-many-requests",
        429,
        f"the limit is {grant.limit} requests per minute; try again in {grant.retry_after_s} s",
        headers={**grant.headers, "Retry-After": str(grant.retry_after_s)},
    )


def _grant(limit: int, answer: list[Any]) -> Grant:
    allowed, remaining, until_full_ms, until_enough_ms = answer
    return Grant(
        limit=limit,
        allowed=bool(allowed),
        remaining=remaining,
        reset_s=math.ceil(until_full_ms / 1_000),
        retry_after_s=max(1, math.ceil(until_enough_ms / 1_000)),
    )
