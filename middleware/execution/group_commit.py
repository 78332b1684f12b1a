"""Group commit: the statements of many threads become one.

The first thread commits its own item and all items that wait, in one statement. Threads that come during this statement wait
for the next round, and the first of them commits it. A single thread never waits.

Threads whose items were committed together come back at almost the same time. So after a round with several items, the next
round starts after a short pause. Otherwise its first thread would commit alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Lock
from typing import Generic, TypeVar

PAUSE_S = 0.001
"""A fraction of what a statement takes."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class _Ticket(Generic[Item, Answer]):
    def __init__(self, item: Item) -> None:
        self.item = item
        self.wake = Event()
        self.is_done = False
        self.answer: Answer | None = None
        self.error: BaseException | None = None


class GroupCommit(Generic[Item, Answer]):
    def __init__(self, commit: Callable[[list[Item]], list[Answer]], *, limit: int = 64) -> None:
        """`commit` takes 1 to `limit` items and answers each, in order."""
        self._commit = commit
        self._limit = limit
        self._lock = Lock()
        self._waiting: list[_Ticket[Item, Answer]] = []
        self._is_running = False
        self._was_shared = False

    def submit(self, item: Item) -> Answer:
        """Commit one item, together with those of other threads; raises what `commit` raised."""
        ticket: _Ticket[Item, Answer] = _Ticket(item)
        with self._lock:
            self._waiting.append(ticket)
            leads, self._is_running = not self._is_running, True
        if not leads:
            ticket.wake.wait()
        if not ticket.is_done:
            self._lead()
        if ticket.error is not None:
            raise ticket.error
        return ticket.answer  # type: ignore[return-value]

    def _lead(self) -> None:
        if self._was_shared:
            time.sleep(PAUSE_S)
        with self._lock:
            batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
        try:
            for ticket, answer in zip(batch, self._commit([ticket.item for ticket in batch]), strict=True):
                ticket.answer = answer
        except BaseException as error:  # noqa: BLE001 (every waiting thread is to see it)
            for ticket in batch:
                ticket.error = error
        finally:
            self._hand_over(batch)

    def _hand_over(self, batch: list[_Ticket[Item, Answer]]) -> None:
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._is_running = following is not None
        self._was_shared = len(batch) > 1
        for ticket in batch:
            ticket.is_done = True
            ticket.wake.set()
        if following:
            following.wake.set()
