"""Where the walk through the ready jobs begins.

A long transaction, a report or a backup, keeps PostgreSQL from forgetting the index entries of jobs that were dispatched
meanwhile. A walk from the beginning visits each of them: after a minute it takes longer than everything else. When such walks
have become slow, most begin behind the newest job that was dispatched. What they leave out (retries, jobs of a queue that goes
on after a pause, transactions that committed late) is found by a walk from the beginning: a tenth of the time goes there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from aeon_jobs.persistence.queue.dispatch import Dispatch

SLOW_S = 0.02
MOST_S = 2.0
"""Longest time without a walk from the beginning."""


class Backlog:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._newest = 0
        self._whole_at = 0.0

    @contextmanager
    def walk(self) -> Iterator[int]:
        """The number, in the order of submission, behind which this walk begins."""
        began = self._clock()
        after = self._newest if began < self._whole_at else 0
        yield after
        took = self._clock() - began
        if not after:
            self._whole_at = began + (min(10 * took, MOST_S) if took > SLOW_S else 0)

    def emptied(self, dispatched: Sequence[Dispatch]) -> None:
        """Nothing that is ready was left behind these."""
        self._newest = max([self._newest, *(entry.order for entry in dispatched)])
