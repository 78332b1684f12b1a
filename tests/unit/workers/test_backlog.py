"""A walk that has become slow begins behind what was dispatched, and every now and then at the beginning."""

from __future__ import annotations

from uuid import UUID

from aeon_jobs.middleware.dispatch.backlog import MOST_S, Backlog
from aeon_jobs.persistence.queue.dispatch import Dispatch


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def walked(backlog: Backlog, clock: Clock, took: float) -> int:
    with backlog.walk() as after:
        clock.now += took
    return after


def dispatched(order: int) -> list[Dispatch]:
    return [Dispatch(UUID(int=1), 1, "default", "note", order=order)]


def test_a_walk_that_is_quick_begins_at_the_beginning() -> None:
    clock = Clock()
    backlog = Backlog(clock)
    backlog.emptied(dispatched(7))
    assert [walked(backlog, clock, 0.001) for _ in range(3)] == [0, 0, 0]


def test_after_a_slow_walk_the_next_ones_begin_behind_the_newest_job_for_ten_times_as_long() -> None:
    clock = Clock()
    backlog = Backlog(clock)
    assert walked(backlog, clock, 0.1) == 0
    backlog.emptied(dispatched(7))
    assert walked(backlog, clock, 0.5) == 7
    backlog.emptied(dispatched(9))
    assert walked(backlog, clock, 0.41) == 9
    assert walked(backlog, clock, 0.1) == 0


def test_however_slow_it_is_a_walk_from_the_beginning_comes() -> None:
    clock = Clock()
    backlog = Backlog(clock)
    backlog.emptied(dispatched(7))
    assert walked(backlog, clock, 5) == 0
    clock.now += MOST_S
    assert walked(backlog, clock, 0.1) == 0


def test_the_newest_is_the_newest_of_all_rounds() -> None:
    clock = Clock()
    backlog = Backlog(clock)
    backlog.emptied([])
    backlog.emptied(dispatched(9))
    backlog.emptied(dispatched(3))
    walked(backlog, clock, 0.1)
    assert walked(backlog, clock, 0.1) == 9
