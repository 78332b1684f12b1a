"""Job ids: UUID version 7, RFC 9562 section 5.7. Ordered by time, so new rows share index pages."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from uuid import UUID


def new_job_id() -> UUID:
    """48 bits of Unix milliseconds, then 74 random bits around version and variant."""
    return next(new_job_ids(1))


def new_job_ids(count: int) -> Iterator[UUID]:
    """As many, for one question to the operating system."""
    random = os.urandom(10 * count)
    return (_job_id(int.from_bytes(random[start : start + 10])) for start in range(0, 10 * count, 10))


def _job_id(random: int) -> UUID:
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return UUID(int=value)
