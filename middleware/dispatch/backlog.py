"""Where the walk through the ready jobs begins.

A long transaction, a report or a backup, keeps PostgreSQL from forgetting the index entries of jobs that were dispatched
meanwhile. A walk from the beginning visits each of them: soon it takes longer than everything else. When such walks have
become slow, most begin a little before the newest job that was dispatched. What they leave out (retries, jobs of a queue that
goes on after a pause, transactions that committed late) is found by a walk from the beginning. A thirtieth of the time goes
there; a fifth, while the others find nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from aeon_jobs.persistence.queue.dispatch import Dispatch

SLOW_S = 0.003
EACH_S = 0.000_05
"""A walk is slow if it takes longer than SLOW_S, and EACH_S for each job that it dispatched."""
PAUSE, SHORT_PAUSE = 30, 5
"""From one walk from the beginning to the next, in lengths of the former; the short one if the walks between find nothing."""
MOST_S = 2.0
"""Longest time without a walk from the beginning."""
OVERLAP = 100
"""So many jobs are visited again: concurrent transactions do not commit in the order of their jobs."""


class Backlog:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._newest = 0
        self._began = 0.0
        self._after = 0
        self._whole_began = 0.0
        self._whole_took = 0.0
        """Of the last walk from the beginning; 0 if it was not slow."""
        self._pause = PAUSE

    def begin(self) -> int:
        """A walk begins: the number, in the order of submission, behind which."""
        self._began = self._clock()
        self._after = max(0, self._newest - OVERLAP) if self._began < self._whole_at else 0
        return self._after

    def end(self, dispatched: int) -> None:
        """The walk is over, and found so many jobs."""
        self._pause = PAUSE if dispatched else SHORT_PAUSE
        if not self._after:
            took = self._clock() - self._began
            is_slow = took > SLOW_S + dispatched * EACH_S
            self._whole_began, self._whole_took, self._pause = self._began, took if is_slow else 0, PAUSE

    def emptied(self, dispatched: Sequence[Dispatch]) -> None:
        """Nothing that is ready was left behind these."""
        self._newest = max([self._newest, *(entry.order for entry in dispatched)])

    @property
    def whole_in_s(self) -> float:
        """Time until a walk from the beginning is due, negative if it is; infinite if the last walk was one."""
        return self._whole_at - self._clock() if self._after else math.inf

    @property
    def _whole_at(self) -> float:
        return self._whole_began + min(self._pause * self._whole_took, MOST_S)
