"""A number of bytes that may be used at once: first come, first served."""

from __future__ import annotations

import asyncio

import pytest

from aeon_jobs.api.http.intake.byte_limiter import ByteLimiter


def test_who_needs_more_than_is_free_waits_in_a_queue() -> None:
    async def story() -> list[str]:
        limiter, told = ByteLimiter(10), list[str]()
        await limiter.acquire(6, 1)

        async def come(name: str, size: int) -> None:
            await limiter.acquire(size, 10)
            told.append(name)

        large, small = asyncio.create_task(come("large", 8)), asyncio.create_task(come("small", 1))
        await asyncio.sleep(0)
        assert told == []  # enough is free for the small one, but the large one came first
        limiter.release(6)
        await asyncio.gather(large, small)
        assert limiter.used == 9
        return told

    assert asyncio.run(story()) == ["large", "small"]


def test_what_is_larger_than_the_capacity_uses_it_alone() -> None:
    async def story() -> None:
        limiter = ByteLimiter(10)
        assert await limiter.acquire(1_000, 1) == 10
        with pytest.raises(TimeoutError):
            await limiter.acquire(1, 0)

    asyncio.run(story())


def test_who_leaves_the_queue_makes_way_for_those_behind() -> None:
    async def story() -> None:
        limiter = ByteLimiter(10)
        await limiter.acquire(6, 1)
        large = asyncio.create_task(limiter.acquire(8, 60))
        await asyncio.sleep(0)
        small = asyncio.create_task(limiter.acquire(4, 60))
        await asyncio.sleep(0)
        large.cancel()
        assert await small == 4
        limiter.release(4)
        limiter.release(6)
        assert limiter.used == 0

    asyncio.run(story())


def test_a_turn_that_comes_as_somebody_leaves_is_given_back() -> None:
    async def story() -> None:
        limiter = ByteLimiter(10)
        await limiter.acquire(10, 1)
        late = asyncio.create_task(limiter.acquire(10, 60))
        await asyncio.sleep(0)
        limiter.release(10)
        late.cancel()
        with pytest.raises(asyncio.CancelledError):
            await late
        assert limiter.used == 0

    asyncio.run(story())
