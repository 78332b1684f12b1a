"""All connections of the process: how many there are, what they hold, and which one has to go when it is too much.

A new connection replaces an idle or slow one: a client that opens a thousand and sends nothing keeps nobody out.
"""

from __future__ import annotations

from typing import Protocol

from aeon_jobs.api.server.limits import FREE_BYTES, Limits


class Connection(Protocol):
    def end(self) -> None:
        """Close at once. What is not sent is lost."""


class Connections:
    """Lives in the event loop of one process."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.held = 0
        """Bytes of requests, beyond FREE_BYTES of each connection."""
        self.unsent = 0
        """Bytes of answers that clients do not read."""
        self._waiting: dict[Connection, None] = {}
        """Those without a whole head of a request; the one that waits longest is the first."""
        self._unread: dict[Connection, int] = {}
        """Those whose client does not read, with their bytes; the one that waits longest is the first."""

    def admit(self, number: int) -> bool:
        """Whether one more may stay beside `number` others. The one that waits longest for a request may have to go."""
        if number < self.limits.connections:
            return True
        if not self._waiting:
            return False
        oldest = next(iter(self._waiting))
        self.works(oldest)
        oldest.end()
        return True

    def waits(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)
        self._waiting[connection] = None

    def works(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)

    def hold(self, before: int, now: int) -> bool:
        """A connection that held `before` bytes holds `now`. Whether all of them together are within the limit."""
        self.held += max(0, now - FREE_BYTES) - max(0, before - FREE_BYTES)
        return self.held <= self.limits.held_bytes

    def stalls(self, connection: Connection, unsent: int) -> None:
        """Its client does not read. When all of these hold too much, the one that waits longest has to go."""
        self.reads(connection)
        self._unread[connection] = unsent
        self.unsent += unsent
        while self.unsent > self.limits.unsent_bytes:
            slowest = next(iter(self._unread))
            self.reads(slowest)
            slowest.end()

    def reads(self, connection: Connection) -> None:
        self.unsent -= self._unread.pop(connection, 0)

    def forget(self, connection: Connection) -> None:
        self.works(connection)
        self.reads(connection)
