"""What the limits of job types hold back, by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run

MOST_KEYS = 20


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    """Empty: the limits have no key."""
    waiting: int
    holding: int
    """Jobs that hold a place: they run, or may start."""


@dataclass(frozen=True, slots=True)
class LimitedType:
    job_type: str
    limits: Mapping[str, Any]
    keys: list[Key] = field(default_factory=list)
    """Those with the most waiting jobs, MOST_KEYS at most."""


def of_queue(connection: Connection, queue_name: str) -> list[LimitedType]:
    """The job types of the queue that have limits, 20 at most, by name."""
    types: dict[str, LimitedType] = {}
    for row in run(connection, "reads/limit_keys", {"queue_name": queue_name, "keys": MOST_KEYS}):
        limited = types.setdefault(row.job_type, LimitedType(row.job_type, row.limits))
        if row.limit_key is not None:
            limited.keys.append(Key(row.limit_key, row.waiting, row.holding))
    return list(types.values())
