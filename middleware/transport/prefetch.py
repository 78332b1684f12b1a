"""The messages that this process has taken from Redis. The broker keeps them: a consumer is replaced when Redis was away, and
what it had stays.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from threading import Lock

from dramatiq import MessageProxy


@dataclass
class PrefetchBuffer:
    fetched: deque[MessageProxy] = field(default_factory=deque)
    """No thread has them yet."""
    done: set[str] = field(default_factory=set)
    """Ids of messages to ack with the next fetch."""
    _held: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def free(self, limit: int) -> int:
        """How many more messages the process may take. Another process can start what this one cannot."""
        with self._lock:
            return max(0, limit - len(self._held))

    def take(self, message: MessageProxy) -> None:
        with self._lock:
            self._held.add(message.options["redis_message_id"])
        self.fetched.append(message)

    def release(self, message_id: str) -> None:
        """A thread is done with it, or it was given back."""
        with self._lock:
            self._held.discard(message_id)
