"""A walk that has become slow begins before what was dispatched last, and every now and then at the beginning."""

from __future__ import annotations

import math
from uuid import UUID

import pytest

from aeon_jobs.middleware.dispatch.backlog import EACH_S, MOST_S, OVERLAP, PAUSE, SHORT_PAUSE, SLOW_S, Backlog
from aeon_jobs.persistence.queue.dispatch import Dispatch

NEWEST = OVERLAP + 7


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backlog(clock: Clock) -> Backlog:
    backlog = Backlog(clock)
    backlog.emptied(dispatched(NEWEST))
    return backlog


def walked(backlog: Backlog, clock: Clock, took: float, found: int = 1) -> int:
    after = backlog.begin()
    clock.now += took
    backlog.end(found)
    return after


def dispatched(order: int) -> list[Dispatch]:
    return [Dispatch(UUID(int=1), 1, "default", "note", order=order)]


def test_a_walk_that_is_quick_begins_at_the_beginning(backlog: Backlog, clock: Clock) -> None:
    assert [walked(backlog, clock, 0.001) for _ in range(3)] == [0, 0, 0]
    assert backlog.whole_in_s == math.inf


def test_a_walk_that_took_long_because_it_found_many_jobs_is_not_slow(backlog: Backlog, clock: Clock) -> None:
    assert walked(backlog, clock, SLOW_S + 499 * EACH_S, found=500) == 0
    assert walked(backlog, clock, SLOW_S + 500 * EACH_S, found=400) == 0
    assert walked(backlog, clock, 0.001) == 7


def test_after_a_slow_walk_the_next_ones_begin_near_the_newest_job_for_a_while(backlog: Backlog, clock: Clock) -> None:
    assert walked(backlog, clock, 0.05) == 0
    assert walked(backlog, clock, 0.5) == 7
    backlog.emptied(dispatched(NEWEST + 2))
    assert walked(backlog, clock, (PAUSE - 11) * 0.05 + 0.01) == 9
    assert walked(backlog, clock, 0.05) == 0


def test_if_the_walks_between_find_nothing_the_next_from_the_beginning_comes_sooner(
    backlog: Backlog, clock: Clock
) -> None:
    assert walked(backlog, clock, 0.05) == 0
    assert walked(backlog, clock, 0.1, found=0) == 7
    assert backlog.whole_in_s == pytest.approx(SHORT_PAUSE * 0.05 - 0.15)
    clock.now += 0.1
    assert walked(backlog, clock, 0.05) == 0
    assert backlog.whole_in_s == math.inf


def test_however_slow_it_is_a_walk_from_the_beginning_comes(backlog: Backlog, clock: Clock) -> None:
    assert walked(backlog, clock, 5) == 0
    clock.now += MOST_S
    assert walked(backlog, clock, 0.1) == 0


def test_the_newest_is_the_newest_of_all_rounds(backlog: Backlog, clock: Clock) -> None:
    backlog.emptied([])
    backlog.emptied(dispatched(NEWEST + 2))
    backlog.emptied(dispatched(3))
    walked(backlog, clock, 0.1)
    assert walked(backlog, clock, 0.1) == 9
