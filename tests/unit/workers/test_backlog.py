"""A walk that has become slow begins before what was dispatched last, and every now and then at the beginning."""

from __future__ import annotations

import math
from uuid import UUID

import pytest

from aeon_jobs.middleware.dispatch.backlog import (
    EACH_S,
    IN_A_ROW,
    MOST_S,
    OVERLAP,
    PAUSE,
    SHORT_PAUSE,
    SLOW_S,
    Backlog,
)
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


def became_slow(backlog: Backlog, clock: Clock, took: float) -> None:
    """The walks from the beginning that are needed for it."""
    assert [walked(backlog, clock, took) for _ in range(IN_A_ROW)] == [0] * IN_A_ROW


def dispatched(order: int) -> list[Dispatch]:
    return [Dispatch(UUID(int=1), 1, "default", "note", order=order)]


def test_walks_that_are_quick_begin_at_the_beginning(backlog: Backlog, clock: Clock) -> None:
    became_slow(backlog, clock, SLOW_S)
    assert walked(backlog, clock, 0.001) == 0
    assert backlog.look_at == math.inf


def test_a_walk_that_is_slow_now_and_then_does_not_count(backlog: Backlog, clock: Clock) -> None:
    for took in (1, 1, 0.001) * 5:
        assert walked(backlog, clock, took) == 0


def test_a_walk_that_took_long_because_it_found_many_jobs_is_not_slow(backlog: Backlog, clock: Clock) -> None:
    took = SLOW_S + 499 * EACH_S
    assert [walked(backlog, clock, took, found=500) for _ in range(9)] == [0] * 9
    assert [walked(backlog, clock, took, found=400) for _ in range(IN_A_ROW)] == [0] * IN_A_ROW
    assert walked(backlog, clock, 0.001) == 7


def test_after_slow_walks_the_next_ones_begin_near_the_newest_job_for_a_while(backlog: Backlog, clock: Clock) -> None:
    became_slow(backlog, clock, 0.05)
    assert walked(backlog, clock, 0.5) == 7
    backlog.emptied(dispatched(NEWEST + 2))
    assert walked(backlog, clock, PAUSE * 0.05 - 0.5 + 0.01) == 9
    assert walked(backlog, clock, 0.05) == 0
    assert walked(backlog, clock, 0.05) == 9


def test_after_a_quick_walk_from_the_beginning_it_is_over(backlog: Backlog, clock: Clock) -> None:
    became_slow(backlog, clock, 0.05)
    clock.now += MOST_S
    assert [walked(backlog, clock, 0.001) for _ in range(3)] == [0, 0, 0]


def test_if_the_walks_between_find_nothing_the_next_from_the_beginning_comes_sooner(
    backlog: Backlog, clock: Clock
) -> None:
    became_slow(backlog, clock, 0.05)
    due = clock.now + SHORT_PAUSE * 0.05
    assert walked(backlog, clock, 0.1, found=0) == 7
    assert backlog.look_at == pytest.approx(due)
    clock.now = due + 0.01
    assert walked(backlog, clock, 0.05) == 0
    assert backlog.look_at == math.inf


def test_however_slow_it_is_a_walk_from_the_beginning_comes(backlog: Backlog, clock: Clock) -> None:
    became_slow(backlog, clock, 1.0)
    assert walked(backlog, clock, MOST_S - 0.01) == 7
    clock.now += 0.02
    assert walked(backlog, clock, 1.0) == 0


def test_at_most_half_of_the_time_goes_to_walks_from_the_beginning(backlog: Backlog, clock: Clock) -> None:
    became_slow(backlog, clock, 30.0)
    assert walked(backlog, clock, 29.9) == 7
    assert walked(backlog, clock, 0.2) == 7
    assert walked(backlog, clock, 30.0) == 0


def test_the_newest_is_the_newest_of_all_rounds(backlog: Backlog, clock: Clock) -> None:
    backlog.emptied([])
    backlog.emptied(dispatched(NEWEST + 2))
    backlog.emptied(dispatched(3))
    became_slow(backlog, clock, 0.1)
    assert walked(backlog, clock, 0.1) == 9
