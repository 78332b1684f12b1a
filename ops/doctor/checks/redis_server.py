"""Redis: version, persistence, eviction, memory, keys of other programs, latency."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from itertools import islice
from typing import Any

from aeon_jobs.api.service.checks.finding import Finding, by_limits, error, ok, warning
from aeon_jobs.ops.doctor.context import Context

OLDEST = (6, 2)
PINGS = 20
SAMPLE_SIZE = 10_000
"""Keys that are looked at; a sample is enough."""


def version(context: Context) -> Finding:
    found = str(_info(context, "server")["redis_version"])
    numbers = tuple(int(part) for part in found.split(".")[:2])
    if numbers < OLDEST:
        return error("Redis version", found, "upgrade Redis to 6.2 or newer, or use Valkey")
    return ok("Redis version", found)


def persistence(context: Context) -> Finding:
    """No job is lost with Redis. But after a restart without AOF, every message is pushed again."""
    name = "Redis AOF"
    if _info(context, "persistence")["aof_enabled"]:
        return ok(name, "on")
    return warning(
        name, "off: after a restart Redis is empty and is filled again from PostgreSQL", "set appendonly yes"
    )


def eviction(context: Context) -> Finding:
    """With any other policy a full Redis silently drops messages."""
    name, policy = "Redis maxmemory-policy", str(_info(context, "memory")["maxmemory_policy"])
    if policy == "noeviction":
        return ok(name, policy)
    return error(name, policy, "set maxmemory-policy noeviction")


def memory(context: Context) -> Finding:
    found = _info(context, "memory")
    used, most = int(found["used_memory"]), int(found["maxmemory"])
    if not most:
        return ok("Redis memory", f"{_megabytes(used)} used, no limit")
    detail = f"{_megabytes(used)} of {_megabytes(most)} used"
    return by_limits("Redis memory", used / most, context.limits.redis_memory, detail, "raise maxmemory")


def keys_of_others(context: Context) -> Finding:
    """Maintenance uses KEYS, and other programs may run FLUSHDB: aeon-jobs needs its own database number."""
    name = "Redis keys of others"
    ours = (f"{context.settings.redis_queue_prefix}:", "job:cancel:", "worker:heartbeat:")
    keys = (key.decode(errors="replace") for key in islice(context.redis.scan_iter(count=1_000), SAMPLE_SIZE))
    others = Counter(key.partition(":")[0][:40] for key in keys if not key.startswith(ours))
    if not others:
        return ok(name, "none")
    examples = ", ".join(f"{prefix}…" for prefix, _ in others.most_common(3))
    detail = f"{others.total()} in the same database, such as {examples}"
    return warning(name, detail, "use a separate database number for aeon-jobs: REDIS_DB, or the number in REDIS_URL")


def latency(context: Context) -> Finding:
    took_ms = statistics.median(_ping_ms(context) for _ in range(PINGS))
    remedy = "check Redis (SLOWLOG GET, INFO commandstats) and the network"
    return by_limits("Redis latency", took_ms, context.limits.redis_latency_ms, f"{took_ms:.1f} ms", remedy)


def _ping_ms(context: Context) -> float:
    began = time.perf_counter()
    context.redis.ping()
    return (time.perf_counter() - began) * 1_000


def _info(context: Context, section: str) -> dict[str, Any]:
    found: dict[str, Any] = context.redis.info(section)
    return found


def _megabytes(number: int) -> str:
    return f"{number / 1_048_576:.0f} MiB"
