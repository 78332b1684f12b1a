"""Job ids: UUID version 7, RFC 9562 section 5.7. Ordered by time, so new rows share index pages."""

from __future__ import annotations

import os
import time
from uuid import UUID


def new_job_id() -> UUID:
    """48 bits of Unix milliseconds, then 74 random bits around version and variant."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = milliseconds << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return UUID(int=value)
