"""Where the walk through the ready jobs begins.

A long transaction, a report or a backup, keeps PostgreSQL from forgetting the index entries of jobs that were dispatched
meanwhile. A walk from the beginning visits each of them: soon it takes longer than everything else. When such walks have
become slow, most begin a little before the newest job that was dispatched. What they leave out (retries, jobs of a queue that
goes on after a pause, transactions that committed late) is found by a walk from the beginning. A thirtieth of the time goes
there; a fifth, if the last walk found nothing; more when such a walk takes very long, but never more than a half.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence

from aeon_jobs.persistence.queue.dispatch import Dispatch

SLOW_S = 0.003
EACH_S = 0.000_05
"""A walk is slow if it takes longer than SLOW_S, and EACH_S for each job that it dispatched."""
IN_A_ROW = 3
"""So many walks from the beginning must have been slow: on a busy machine one is, now and then."""
PAUSE, SHORT_PAUSE = 30, 5
"""From one walk from the beginning to the next, in lengths of the former; the short one if the last walk found nothing."""
MOST_S = 2.0
"""Longest pause, unless such a walk takes longer."""
OVERLAP = 100
"""So many jobs are visited again: concurrent transactions do not commit in the order of their jobs."""
FROM_THE_NEWEST = 2**63 - 1
"""A walk that begins behind every job: it finds none."""


class Backlog:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._newest = 0
        self._began = 0.0
        self._after = 0
        self._slow = deque([0.0], maxlen=IN_A_ROW)
        """What the last walks from the beginning took; 0 for one that was not slow."""
        self._whole_ended = 0.0
        self._pause = PAUSE

    def begin(self) -> int:
        """A walk begins: the number, in the order of submission, behind which."""
        self._began = self._clock()
        self._after = max(0, self._newest - OVERLAP) if self._began < self._whole_at else 0
        return self._after

    def end(self, dispatched: int) -> None:
        """The walk is over, and found so many jobs."""
        if self._after:
            self._pause = PAUSE if dispatched else SHORT_PAUSE
            return
        self._pause, self._whole_ended = PAUSE, self._clock()
        took = self._whole_ended - self._began
        self._slow.append(took if took > SLOW_S + dispatched * EACH_S else 0)

    def emptied(self, dispatched: Sequence[Dispatch]) -> None:
        """Nothing that is ready was left behind these."""
        self._newest = max([self._newest, *(entry.order for entry in dispatched)])

    @property
    def look_at(self) -> float:
        """When a walk from the beginning is due; infinite if the last walk was one."""
        return self._whole_at if self._after else math.inf

    @property
    def _whole_at(self) -> float:
        took = min(self._slow) if len(self._slow) == IN_A_ROW else 0
        return self._whole_ended + max(min(self._pause * took, MOST_S), took)
