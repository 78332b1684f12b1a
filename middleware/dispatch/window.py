"""How many jobs of a lane are in Redis at once.

Enough to keep the threads of its workers busy until the next round, so few that a job of high priority overtakes nearly
everything: a few for each thread, or what the lane ends in WINDOW_S if that is more.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aeon_jobs.middleware.transport.pace import Pace
from aeon_jobs.persistence.queue.dispatch import Lane

WINDOW_S = 0.15
MOST = 2_000
"""Largest window."""
LOOK_S = 1.0
"""Longest time without a look at what a lane has."""


class Window:
    def __init__(self, factor: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`factor`: jobs for each thread of a slow lane."""
        self._factor = factor
        self._clock = clock
        self._pace = Pace(clock)
        self._depth = 0
        self._look_at = 0.0

    def saw(self, depth: int) -> None:
        """The lane has so many messages, waiting and in flight."""
        self._pace.add(max(0, self._depth - depth))
        self._depth = depth
        self._look_at = self._clock() + LOOK_S

    def pushed(self, count: int) -> None:
        """So many messages were added."""
        self._depth += count

    def must_look(self, lane: Lane) -> bool:
        """Whether it is not known that there is room: since the last look, messages may have gone."""
        return self._clock() >= self._look_at or not self.free(lane)

    @property
    def is_old(self) -> bool:
        """Whether it is better to look again when there is time."""
        return self._clock() >= self._look_at - 0.75 * LOOK_S

    def free(self, lane: Lane) -> int:
        """How many jobs to dispatch now."""
        size = min(MOST, max(lane.threads * self._factor, self._pace.within(WINDOW_S)))
        free = size - self._depth
        # Half of it is enough to go on with: few rounds of many jobs cost less than many rounds of few.
        return free if free * 2 >= size or self._depth < lane.threads else 0
