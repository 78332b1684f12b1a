"""Group commit: the statements of many threads become one.

The first thread that comes leads: it commits its own item and all that gathered meanwhile, in one statement. Those that come
while it is away gather for the next round, led by the first of them. Alone, a thread pays nothing; in a crowd, a fraction.

Those who were answered together come back together, one just before the others. So after a round in company the next leader
takes a breath, lest it goes alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Lock
from typing import Generic, TypeVar

BREATH_S = 0.001
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
        self._is_led = False
        self._had_company = False

    def submit(self, item: Item) -> Answer:
        """Commit one item, with whatever company there is; raises what `commit` raised."""
        ticket: _Ticket[Item, Answer] = _Ticket(item)
        with self._lock:
            self._waiting.append(ticket)
            leads, self._is_led = not self._is_led, True
        if not leads:
            ticket.wake.wait()
        if not ticket.is_done:
            self._lead()
        if ticket.error is not None:
            raise ticket.error
        return ticket.answer  # type: ignore[return-value]

    def _lead(self) -> None:
        if self._had_company:
            time.sleep(BREATH_S)
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
            self._is_led = following is not None
        self._had_company = len(batch) > 1
        for ticket in batch:
            ticket.is_done = True
            ticket.wake.set()
        if following:
            following.wake.set()
