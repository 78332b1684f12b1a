"""How many jobs a second pass, of late."""

from __future__ import annotations

import time
from collections.abc import Callable

WINDOW_S = 0.05
"""Least time between two figures."""


class Pace:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count = 0
        self._since = clock()
        self._per_second = 0.0

    def add(self, count: int = 1) -> None:
        """So many passed now."""
        self._count += count

    def within(self, seconds: float) -> int:
        """How many pass in such a time, at the pace of late."""
        now = self._clock()
        if (elapsed := now - self._since) >= WINDOW_S:
            latest = self._count / elapsed
            self._per_second = latest if elapsed > 20 * WINDOW_S else (self._per_second + latest) / 2
            self._count, self._since = 0, now
        return int(self._per_second * seconds)
