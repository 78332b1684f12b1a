"""How often a key may call: a token bucket in Redis, shared by all API processes, taken from atomically.

A process takes a thousandth of a large limit at once, and spends it within SPEND_S: most requests then need no round trip.
What it has not spent by then is lost to the caller, who never gets more than the limit, and 0.1 % of it less.

Without Redis the limit cannot be kept. API_RATE_LIMIT_FALLBACK says what happens then: `open` lets requests
through (jobs matter more than limits), `closed` refuses them with 503.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from aeon_jobs.api.http.errors import Problem, ProblemError, unavailable

WINDOW_MS = 60_000
PORTIONS = 1_000
"""Of a limit. One below this is taken token by token."""
SPEND_S = 1.0
_MOST_RESERVES = 10_000
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


@dataclass(slots=True)
class _Reserve:
    """Tokens that were taken and not yet spent."""

    tokens: int
    grant: Grant
    until: float

    def spend(self) -> Grant:
        self.tokens -= 1
        return replace(self.grant, remaining=self.grant.remaining + self.tokens)


class RateLimits:
    """Takes from buckets. One per process; must live in one event loop."""

    def __init__(self, redis: Redis, prefix: str, *, fail_open: bool) -> None:
        self._prefix, self._fail_open = prefix, fail_open
        self._take = redis.register_script(resources.files("aeon_jobs.api.http").joinpath("rate_limit.lua").read_text())
        self._resting_until = 0.0
        self._reserves: dict[str, _Reserve] = {}

    async def take(self, bucket: str, limit: int) -> Grant | None:
        """One token of `limit` per minute; None when there is no limit, or no Redis to keep it.

        Raises:
            ProblemError: 429, or 503 when Redis is away and the limits fail closed.
        """
        if limit == 0:
            return None
        reserve = self._reserves.get(bucket)
        if reserve and reserve.tokens and time.monotonic() < reserve.until:
            return reserve.spend()
        grant = await self._ask(bucket, limit)
        if grant is None and not self._fail_open:
            raise ProblemError(unavailable("rate limits cannot be kept: Redis cannot be reached"))
        if grant is not None and not grant.allowed:
            raise ProblemError(too_many(grant))
        return grant

    async def _ask(self, bucket: str, limit: int) -> Grant | None:
        if time.monotonic() < self._resting_until:
            return None
        portion = max(1, limit // PORTIONS)
        try:
            answer: list[int] = await self._take(
                keys=[f"{self._prefix}:api:limit:{bucket}"], args=[limit, WINDOW_MS, portion]
            )
        except (RedisError, OSError):
            self._resting_until = time.monotonic() + REST_S
            return None
        taken, grant = answer[0], _grant(limit, answer)
        if taken > 1:
            self._keep(bucket, _Reserve(taken, grant, time.monotonic() + SPEND_S))
            return self._reserves[bucket].spend()
        return grant

    def _keep(self, bucket: str, reserve: _Reserve) -> None:
        if len(self._reserves) >= _MOST_RESERVES:
            self._reserves.clear()
        self._reserves[bucket] = reserve


def too_many(grant: Grant) -> Problem:
    return Problem(
        "too-many-requests",
        429,
        f"the limit is {grant.limit} requests per minute; try again in {grant.retry_after_s} s",
        headers={**grant.headers, "Retry-After": str(grant.retry_after_s)},
    )


def _grant(limit: int, answer: list[Any]) -> Grant:
    taken, remaining, until_full_ms, until_enough_ms = answer
    return Grant(
        limit=limit,
        allowed=taken > 0,
        remaining=remaining,
        reset_s=math.ceil(until_full_ms / 1_000),
        retry_after_s=max(1, math.ceil(until_enough_ms / 1_000)),
    )
