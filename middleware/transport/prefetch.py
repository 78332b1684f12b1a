"""What this process has in hand of each queue. Kept by the broker: a consumer is replaced when Redis was away, what it held
stays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from dramatiq import MessageProxy


@dataclass
class PrefetchBuffer:
    """Of one queue."""

    fetched: deque[MessageProxy] = field(default_factory=deque)
    """Not handed to a thread yet."""
    done: set[str] = field(default_factory=set)
    """Messages to ack."""
    is_drained: bool = False
    """The last fetch took all there was: room that comes free is of no use here until the queue's listener rings."""


class PrefetchLimit:
    """How many messages the process may hold, of all its queues together: what it cannot begin is better off elsewhere."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: set[str] = set()
        self._reserved = 0

    @contextmanager
    def reserve(self, limit: int) -> Iterator[int]:
        """What is free of `limit` now, kept from others for the time of a fetch."""
        with self._lock:
            free = max(0, limit - len(self._held) - self._reserved)
            self._reserved += free
        try:
            yield free
        finally:
            with self._lock:
                self._reserved -= free

    def enter(self, message_id: str) -> None:
        with self._lock:
            self._held.add(message_id)

    def leave(self, message_ids: Sequence[str]) -> None:
        with self._lock:
            self._held.difference_update(message_ids)
