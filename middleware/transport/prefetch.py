"""The messages that this process has taken from Redis. The broker keeps them: a consumer is replaced when Redis was away, and
what it had stays.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from threading import Lock

from dramatiq import MessageProxy

from aeon_jobs.middleware.transport.pace import Pace

AHEAD_S = 0.04
"""A process claims as many jobs more than it has threads as it ends in this time. So its threads are never without a job, and
a job never waits long for them while another process is idle."""
MOST_AHEAD = 48


@dataclass
class PrefetchBuffer:
    fetched: deque[MessageProxy] = field(default_factory=deque)
    """No thread has them yet."""
    unrecorded: set[str] = field(default_factory=set)
    """Ids of messages whose jobs are done and not recorded: not to be acked yet."""
    done: set[str] = field(default_factory=set)
    """Ids of messages to ack with the next fetch."""
    threads: int = 1
    """How many the process has."""
    pace: Pace = field(default_factory=Pace)
    _held: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    @property
    def room(self) -> int:
        """How many messages to fetch now; 0 while the threads have enough to go on with."""
        ahead = min(MOST_AHEAD, self.pace.within(AHEAD_S))
        with self._lock:
            held = len(self._held)
        # Half of what is ahead must have begun: few fetches of many jobs cost less than many fetches of few.
        return self.threads + ahead - held if held < self.threads + ahead // 2 else 0

    @property
    def held(self) -> int:
        """How many messages threads have, or wait for one."""
        return len(self._held)

    @property
    def must_ack(self) -> bool:
        """Whether acks should not wait for the next fetch: the dispatcher sees by them that a thread is free."""
        return bool(self.done) and (len(self._held) < self.threads or len(self.done) >= MOST_AHEAD)

    def take(self, message: MessageProxy) -> None:
        with self._lock:
            self._held.add(message.options["redis_message_id"])
        self.fetched.append(message)

    def settle(self, message_id: str) -> None:
        """The job's outcome is recorded."""
        self.done.add(message_id)
        self.unrecorded.discard(message_id)

    def release(self, message_id: str) -> None:
        """A thread is done with it, or it was given back."""
        with self._lock:
            self._held.discard(message_id)
        self.pace.add()
