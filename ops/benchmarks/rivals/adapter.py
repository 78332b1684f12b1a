"""What the producer asks of a system. A job is `noop` with a number, or `stamp` with the time at which it was sent."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

DATABASE_URL = os.environ.get("DATABASE_URL", "")
REDIS_URL = os.environ.get("REDIS_URL", "redis://")


class Adapter(Protocol):
    def prepare(self) -> None:
        """Make its tables in the empty database; connect."""

    def send(self, job: str, values: Sequence[float]) -> None:
        """Submit jobs one by one: each is stored before the next is sent."""

    def send_many(self, job: str, values: Sequence[float]) -> None:
        """Submit jobs by the system's interface for many; one by one if it has none."""
