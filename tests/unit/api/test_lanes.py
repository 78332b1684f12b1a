"""Room for so many bytes: first come, first served."""

from __future__ import annotations

import asyncio

import pytest

from aeon_jobs.api.http.intake.lanes import Lane


def test_who_finds_no_room_waits_in_line() -> None:
    async def story() -> list[str]:
        lane, told = Lane(10), list[str]()
        await lane.take(6, 1)

        async def come(name: str, size: int) -> None:
            await lane.take(size, 10)
            told.append(name)

        large, small = asyncio.create_task(come("large", 8)), asyncio.create_task(come("small", 1))
        await asyncio.sleep(0)
        assert told == []  # there is room for the small one, and its turn is after the large one
        lane.give_back(6)
        await asyncio.gather(large, small)
        assert lane.taken == 9
        return told

    assert asyncio.run(story()) == ["large", "small"]


def test_what_is_larger_than_the_room_has_it_alone() -> None:
    async def story() -> None:
        lane = Lane(10)
        assert await lane.take(1_000, 1) == 10
        with pytest.raises(TimeoutError):
            await lane.take(1, 0)

    asyncio.run(story())


def test_who_leaves_the_line_makes_way_for_those_behind() -> None:
    async def story() -> None:
        lane = Lane(10)
        await lane.take(6, 1)
        large = asyncio.create_task(lane.take(8, 60))
        await asyncio.sleep(0)
        small = asyncio.create_task(lane.take(4, 60))
        await asyncio.sleep(0)
        large.cancel()
        assert await small == 4
        lane.give_back(4)
        lane.give_back(6)
        assert lane.taken == 0

    asyncio.run(story())


def test_a_turn_that_comes_as_somebody_leaves_is_given_back() -> None:
    async def story() -> None:
        lane = Lane(10)
        await lane.take(10, 1)
        late = asyncio.create_task(lane.take(10, 60))
        await asyncio.sleep(0)
        lane.give_back(10)
        late.cancel()
        with pytest.raises(asyncio.CancelledError):
            await late
        assert lane.taken == 0

    asyncio.run(story())
