"""Work that PostgreSQL broke off for the sake of another transaction, and that may simply be done again.

Two bulk submissions that name the same idempotency keys in opposite order wait for each other; so may a change to many
jobs and the workers that run them. PostgreSQL ends one of the two, and nothing of it stays.
"""

from __future__ import annotations

import tenacity
from sqlalchemy.exc import DBAPIError

TRIES = 3
_BROKEN_OFF = ("40P01", "40001")
"""deadlock_detected, serialization_failure"""


def was_broken_off(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "pgcode", None) in _BROKEN_OFF


again_after_deadlock = tenacity.retry(
    retry=tenacity.retry_if_exception(was_broken_off),
    stop=tenacity.stop_after_attempt(TRIES),
    # The other transaction has gone on meanwhile; chance keeps two that lost from meeting again.
    wait=tenacity.wait_random(0, 0.05),
    reraise=True,
)
"""Decorates a function that opens the transaction itself, so that doing it again is a new one."""
