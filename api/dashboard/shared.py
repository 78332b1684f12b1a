"""Pages that many look at are made once.

A page is kept for a second, or for ten times as long as it took to make. While it is being made, all who want it wait for the
same one. So a thousand viewers cost PostgreSQL what one costs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from litestar.concurrency import sync_to_thread

from aeon_jobs.api.dashboard.rendering import Rendered

FRESH_S = 1.0
PAUSES = 10
"""Of the time that a page takes to be made, at most a tenth is spent on making it."""
AT_ONCE = 4
"""Pages that are made at the same time: the other threads are for the API."""
MOST = 200
"""Pages that are kept."""


@dataclass(slots=True)
class _Entry:
    task: asyncio.Task[Rendered]
    fresh_until: float = float("inf")


class SharedPages:
    """Lives in the event loop of one process."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry] = {}
        self._places: asyncio.Semaphore | None = None

    async def get(self, key: Hashable, make: Callable[[], Rendered]) -> Rendered:
        """The page of that key, made by `make` in a thread if nobody has a fresh one."""
        entry = self._entries.get(key)
        if entry is None or time.monotonic() > entry.fresh_until:
            entry = self._begin(key, make)
        # Who goes away does not take the page from those who wait for it.
        return await asyncio.shield(entry.task)

    def forget(self) -> None:
        """Something was changed: whoever asks now must see it."""
        self._entries.clear()

    def _begin(self, key: Hashable, make: Callable[[], Rendered]) -> _Entry:
        if len(self._entries) >= MOST:
            self._forget_stale()
        entry = _Entry(asyncio.create_task(self._made(make)))
        self._entries[key] = entry
        began = time.monotonic()

        def keep(task: asyncio.Task[Rendered]) -> None:
            if task.cancelled() or task.exception() is not None:
                entry.fresh_until = float("-inf")
                return
            now = time.monotonic()
            entry.fresh_until = now + max(FRESH_S, PAUSES * (now - began))

        entry.task.add_done_callback(keep)
        return entry

    async def _made(self, make: Callable[[], Rendered]) -> Rendered:
        if self._places is None:
            self._places = asyncio.Semaphore(AT_ONCE)
        async with self._places:
            return await sync_to_thread(make)

    def _forget_stale(self) -> None:
        now = time.monotonic()
        self._entries = {key: entry for key, entry in self._entries.items() if now <= entry.fresh_until}
        if len(self._entries) >= MOST:
            self._entries.clear()
