"""How many jobs pass in a time, by a clock that the test moves."""

from __future__ import annotations

from aeon_jobs.middleware.dispatch.window import MOST, Window
from aeon_jobs.middleware.transport.pace import Pace
from aeon_jobs.persistence.queue.dispatch import Lane

LANE = Lane("lane", ("default",), ("note",), threads=4, workers=1)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def passing(pace: Pace, clock: Clock, per_second: int, seconds: float) -> None:
    for _ in range(int(seconds * 10)):
        clock.now += 0.1
        pace.add(per_second // 10)
        pace.within(1)


def test_it_follows_what_passes() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.within(1) == 0
    passing(pace, clock, 1_000, seconds=1)
    assert 990 <= pace.within(1) <= 1_000
    assert 98 <= pace.within(0.1) <= 100
    passing(pace, clock, 100, seconds=1)
    assert 95 <= pace.within(1) <= 110


def test_a_long_pause_is_no_pace() -> None:
    clock = Clock()
    pace = Pace(clock)
    passing(pace, clock, 1_000, seconds=1)
    clock.now += 2
    assert pace.within(1) == 0


def test_a_lane_of_slow_jobs_has_a_few_for_each_thread_however_many_wait() -> None:
    clock = Clock()
    window = Window(4, clock)
    assert window.free(LANE) == 16
    window.pushed(16)
    for _ in range(10):
        clock.now += 1
        window.saw(16)
        assert window.free(LANE) == 0


def test_a_round_waits_until_half_of_the_window_is_free() -> None:
    window = Window(4, Clock())

    def free(depth: int) -> int:
        window.saw(depth)
        return window.free(LANE)

    assert [free(depth) for depth in (16, 9, 8, 0)] == [0, 0, 8, 16]


def test_a_window_as_small_as_the_threads_is_filled_while_a_thread_is_free() -> None:
    window = Window(1, Clock())
    window.saw(3)
    assert window.free(LANE) == 1
    window.saw(4)
    assert window.free(LANE) == 0


def test_a_lane_of_short_jobs_has_what_it_ends_in_a_moment() -> None:
    clock = Clock()
    window = Window(4, clock)
    depth = 0
    for _ in range(40):
        # The lane ends all that it has, and 2,000 jobs a second at most.
        window.saw(depth)
        free = window.free(LANE)
        window.pushed(free)
        depth += free
        clock.now += 0.05
        depth -= min(depth, 100)
    window.saw(0)
    assert 150 <= window.free(LANE) <= 450


def test_a_window_has_an_end() -> None:
    clock = Clock()
    window = Window(4, clock)
    window.pushed(1_000_000)
    clock.now += 0.1
    window.saw(0)
    assert window.free(LANE) == MOST


def test_it_is_looked_at_when_there_may_be_no_room_and_once_a_second() -> None:
    clock = Clock()
    window = Window(4, clock)
    assert window.must_look(LANE)
    window.saw(0)
    window.pushed(8)
    assert not window.must_look(LANE)
    window.pushed(1)
    assert window.must_look(LANE)
    window.saw(2)
    clock.now += 1
    assert window.must_look(LANE)
