"""A value that is read again only after a while: the more its reading costs, the longer it is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

COST_FACTOR = 20
"""A value is kept for at least twenty times as long as its reading took: it never takes more than 5 % of a processor."""


class Remembered(Generic[T]):
    """For one thread at a time."""

    def __init__(self, read: Callable[[], T], life_s: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._life_s, self._clock = read, life_s, clock
        self._known: T | None = None
        self._until = float("-inf")

    def get(self) -> T:
        """What was read less than `life_s` ago, or is read now. A reading that fails leaves nothing behind."""
        began = self._clock()
        if self._known is None or began >= self._until:
            self._known = None
            self._known = self._read()
            took = self._clock() - began
            self._until = began + max(self._life_s, COST_FACTOR * took)
        return self._known
