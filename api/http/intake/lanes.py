"""Room for so many bytes. Who finds too little of it waits in line."""

from __future__ import annotations

import asyncio
from collections import deque


class Lane:
    """First come, first served. Lives in one event loop."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken = 0
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int, wait_s: float) -> int:
        """How much was taken: `size`, or the whole room when it is larger; give it back.

        Raises:
            TimeoutError: it was not free within `wait_s`.
        """
        size = min(size, self.room)
        if not self._line and self.taken + size <= self.room:
            self.taken += size
            return size
        turn = asyncio.get_running_loop().create_future()
        self._line.append((size, turn))
        try:
            async with asyncio.timeout(wait_s):
                await asyncio.shield(turn)
        except BaseException:
            self._leave(size, turn)
            raise
        return size

    def give_back(self, size: int) -> None:
        self.taken -= size
        self._admit()

    def _leave(self, size: int, turn: asyncio.Future[None]) -> None:
        if turn.done():
            # Its turn came at the same moment.
            self.give_back(size)
        else:
            self._line.remove((size, turn))
            turn.cancel()
            self._admit()

    def _admit(self) -> None:
        while self._line and self.taken + self._line[0][0] <= self.room:
            size, turn = self._line.popleft()
            self.taken += size
            turn.set_result(None)
