"""Redis: reached, of a version that works, that refuses instead of forgetting, and ours alone."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from itertools import islice
from typing import Any

from aeon_jobs.ops.doctor.finding import Finding, error, judged, ok, warning
from aeon_jobs.ops.doctor.patient import Patient

OLDEST = (6, 2)
PINGS = 20
LOOKED_AT = 10_000
"""Keys of a shared database: the first ones tell enough."""


def version(patient: Patient) -> Finding:
    found = str(_info(patient, "server")["redis_version"])
    numbers = tuple(int(part) for part in found.split(".")[:2])
    if numbers < OLDEST:
        return error("Redis version", found, "upgrade Redis to 6.2 or newer, or use Valkey")
    return ok("Redis version", found)


def persistence(patient: Patient) -> Finding:
    """Redis is disposable here; but what it forgets in a restart has to be pushed again."""
    name = "Redis AOF"
    if _info(patient, "persistence")["aof_enabled"]:
        return ok(name, "on")
    return warning(name, "off: after a restart it is empty, and filled again from PostgreSQL", "set appendonly yes")


def eviction(patient: Patient) -> Finding:
    """With any other policy a full Redis throws messages away without a word."""
    name, policy = "Redis maxmemory-policy", str(_info(patient, "memory")["maxmemory_policy"])
    if policy == "noeviction":
        return ok(name, policy)
    return error(name, policy, "set maxmemory-policy noeviction")


def memory(patient: Patient) -> Finding:
    found = _info(patient, "memory")
    used, most = int(found["used_memory"]), int(found["maxmemory"])
    if not most:
        return ok("Redis memory", f"{_megabytes(used)} used, no limit")
    detail = f"{_megabytes(used)} of {_megabytes(most)} used"
    return judged("Redis memory", used / most, patient.limits.redis_memory, detail, "raise maxmemory")


def neighbours(patient: Patient) -> Finding:
    """Maintenance uses KEYS, and others may flush: give us a database number of our own."""
    name = "Redis keys of others"
    ours = (f"{patient.settings.redis_queue_prefix}:", "job:cancel:", "worker:heartbeat:")
    keys = (key.decode(errors="replace") for key in islice(patient.redis.scan_iter(count=1_000), LOOKED_AT))
    strangers = Counter(key.partition(":")[0][:40] for key in keys if not key.startswith(ours))
    if not strangers:
        return ok(name, "none")
    examples = ", ".join(f"{prefix}…" for prefix, _ in strangers.most_common(3))
    detail = f"{strangers.total()} in the same database, such as {examples}"
    return warning(name, detail, "give aeon-jobs a database number of its own: REDIS_DB, or the number in REDIS_URL")


def latency(patient: Patient) -> Finding:
    took_ms = statistics.median(_ping_ms(patient) for _ in range(PINGS))
    remedy = "look at Redis: SLOWLOG GET, INFO commandstats; and at the network between"
    return judged("Redis latency", took_ms, patient.limits.redis_latency_ms, f"{took_ms:.1f} ms", remedy)


def _ping_ms(patient: Patient) -> float:
    began = time.perf_counter()
    patient.redis.ping()
    return (time.perf_counter() - began) * 1_000


def _info(patient: Patient, section: str) -> dict[str, Any]:
    found: dict[str, Any] = patient.redis.info(section)
    return found


def _megabytes(number: int) -> str:
    return f"{number / 1_048_576:.0f} MiB"
