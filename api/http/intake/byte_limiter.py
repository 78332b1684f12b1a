"""A number of bytes that may be used at once. Who needs more than is free waits in a queue."""

from __future__ import annotations

import asyncio
from collections import deque


class ByteLimiter:
    """First come, first served. Lives in one event loop."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.used = 0
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def acquire(self, size: int, wait_s: float) -> int:
        """How much was acquired: `size`, or the whole capacity if that is smaller. Release it.

        Raises:
            TimeoutError: it was not free within `wait_s`.
        """
        size = min(size, self.capacity)
        if not self._queue and self.used + size <= self.capacity:
            self.used += size
            return size
        turn = asyncio.get_running_loop().create_future()
        self._queue.append((size, turn))
        try:
            async with asyncio.timeout(wait_s):
                await asyncio.shield(turn)
        except BaseException:
            self._leave(size, turn)
            raise
        return size

    def release(self, size: int) -> None:
        self.used -= size
        self._admit()

    def _leave(self, size: int, turn: asyncio.Future[None]) -> None:
        if turn.done():
            # Its turn came at the same moment.
            self.release(size)
        else:
            self._queue.remove((size, turn))
            turn.cancel()
            self._admit()

    def _admit(self) -> None:
        while self._queue and self.used + self._queue[0][0] <= self.capacity:
            size, turn = self._queue.popleft()
            self.used += size
            turn.set_result(None)
