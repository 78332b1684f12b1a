"""Clocks: leases use the clock of PostgreSQL; schedules and tokens use the clocks of the hosts."""

from __future__ import annotations

import time
from collections.abc import Callable

from aeon_jobs.api.service.checks.finding import Finding, by_limits
from aeon_jobs.ops.doctor.context import Context

REMEDY = "run NTP (chrony, systemd-timesyncd) on both hosts"


def against_postgres(context: Context) -> Finding:
    return _compared("clock against PostgreSQL", context, lambda: float(context.query_one("clock").now_s))


def against_redis(context: Context) -> Finding:
    def read() -> float:
        seconds, microseconds = context.redis.time()
        return float(seconds) + float(microseconds) / 1e6

    return _compared("clock against Redis", context, read)


def _compared(name: str, context: Context, read: Callable[[], float]) -> Finding:
    skew = min((_skew(read) for _ in range(3)), key=abs)
    direction = "behind" if skew < 0 else "ahead"
    detail = f"this host is {abs(skew):.3f} s {direction}"
    return by_limits(name, abs(skew), context.limits.clock_skew_s, detail, REMEDY)


def _skew(read: Callable[[], float]) -> float:
    """Seconds that this host is ahead. The answer counts for the middle of the round trip (RFC 5905 section 8)."""
    before = time.time()
    theirs = read()
    return (before + time.time()) / 2 - theirs
