"""The consumer of a process's lane: it waits on an event instead of polling, and claims what it fetches.

dramatiq's own consumer sleeps 5 ms to 1 s whenever it is full or finds nothing, sends every ack by itself, and is one thread
for each queue. This one serves all queues of the process: their workers share a lane. It wakes when something was pushed, and
when a thread is free. It claims all jobs of a fetch with one statement, so a thread begins a job without asking the database.
Messages that are done are acked with the next fetch. A poll covers a lost wake-up, and keeps the broker's heartbeat.

An ack follows the record of its job. So an ack that is late or lost costs nothing: the message comes again, and its claim
finds that the job is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

import redis
from dramatiq import Message, MessageProxy
from dramatiq.broker import Consumer
from dramatiq.common import current_millis
from dramatiq.errors import ConnectionClosed

from aeon_jobs.middleware.transport.prefetch import PrefetchBuffer
from aeon_jobs.middleware.transport.wakeup import Wakeup
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.logs import Logger
from aeon_jobs.persistence.queue.dispatch import parse_message_id

MOST_WAIT_S = 1.0
"""A claimed job that waits longer for a thread is given back: another process may have one."""
STOPPING_S = 0.05
"""Between looks of a process that stops: dramatiq waits for this thread before it ends."""
FLUSH_S = 5
"""How long a process that stops waits for its last records, while PostgreSQL is away."""

_log = Logger(__name__)


class ClaimSource(Protocol):
    """What a worker claims with."""

    def claim(self, dispatches: Sequence[tuple[UUID, int]]) -> Mapping[tuple[UUID, int], str]: ...
    def give_back(self, dispatches: Iterable[tuple[UUID, int]]) -> None: ...
    def waiting_for(self, seconds: float) -> Sequence[tuple[UUID, int]]: ...
    def flush(self, timeout_s: float) -> None: ...


class Source(Protocol):
    """What the consumer needs of its broker."""

    prefetched: PrefetchBuffer

    @property
    def wakeup(self) -> Wakeup: ...

    is_registered: bool
    is_stopping: bool
    is_quiet: bool
    claims: ClaimSource | None

    def ack_and_fetch(self, lane: str, done: list[str], count: int, now_ms: int, held: int = 0) -> list[Any]: ...
    def can_run(self, job_type: str) -> bool: ...
    def give_up(self, lane: str, message_id: str, why: str) -> None: ...


class LaneConsumer(Consumer):
    def __init__(self, source: Source, lane: str, prefetch: int, timeout: int) -> None:
        """`prefetch`: the threads of the process; `timeout`: milliseconds between looks without a wake-up."""
        self._source = source
        self._lane = lane
        self._timeout_s = timeout / 1_000
        self._buffer = source.prefetched
        self._buffer.threads = prefetch
        self._wakeup = source.wakeup
        self._may_have_more = False
        """Whether the lane may have messages that this process had no room for. If not, Redis may wake it for some."""
        self._wakeup.set()

    def __next__(self) -> MessageProxy | None:
        if not self._buffer.fetched:
            is_poll = not self._wakeup.wait(STOPPING_S if self._source.is_stopping else self._timeout_s)
            # Cleared before the fetch: what is pushed after the fetch sets the event again.
            self._wakeup.clear()
            self._fetch(is_poll)
        return self._buffer.fetched.popleft() if self._buffer.fetched else None

    def ack(self, message: MessageProxy) -> None:
        """A thread is done with the message. It is acked once the outcome of its job is recorded."""
        id_ = message.options["redis_message_id"]
        if id_ not in self._buffer.unrecorded:
            self._buffer.done.add(id_)
        self._buffer.release(id_)
        if self._buffer.must_ack or (self._may_have_more and self._buffer.room):
            self._wakeup.set()

    # A job that failed has its record in PostgreSQL: dramatiq's dead-letter queue is for ordinary messages.
    nack = ack

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Give back what was not begun: its jobs are dispatched anew, and the messages are void."""
        ids = [message.options["redis_message_id"] for message in messages]
        self._claims.give_back(filter(None, map(parse_message_id, ids)))
        self._buffer.done.update(ids)
        for id_ in ids:
            self._buffer.release(id_)

    def close(self) -> None:
        if not self._source.is_stopping:
            # Redis was away. The next consumer goes on with these messages.
            return
        self.requeue(self._buffer.fetched)
        self._buffer.fetched.clear()
        self._claims.flush(FLUSH_S)
        try:
            self._call(0)
        except redis.RedisError as error:
            _log.warning("messages not acked: they are void", error=str(error))

    @property
    def _claims(self) -> ClaimSource:
        assert self._source.claims is not None, "the worker has not booted"
        return self._source.claims

    def _fetch(self, is_poll: bool) -> None:
        # What an unregistered process takes, nobody would take back after its death.
        may_take = self._source.is_registered and not (self._source.is_stopping or self._source.is_quiet)
        self._claims.give_back(self._claims.waiting_for(MOST_WAIT_S if may_take else 0))
        room = self._buffer.room if may_take else 0
        # Without room it must not wait any longer, for it may have been woken in vain: another worker is.
        if not (room or self._buffer.must_ack or is_poll or not self._may_have_more):
            return
        try:
            answer = self._call(room)
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        self._may_have_more = len(answer) == room
        if answer:
            crash("fetch.taken")
            self._take([id_.decode() for id_ in answer])
            if self._may_have_more and self._buffer.room:
                # Some were void.
                self._wakeup.set()

    def _call(self, count: int) -> list[Any]:
        done = list(self._buffer.done)
        held = self._buffer.held
        answer = self._source.ack_and_fetch(self._lane, done, count, current_millis(), held)
        # Only now: an ack that did not get through is sent again.
        self._buffer.done.difference_update(done)
        return answer

    def _take(self, ids: list[str]) -> None:
        """A broken message must not harm the good ones of the same fetch."""
        dispatches = dict[str, tuple[UUID, int]]()
        for id_ in ids:
            if found := parse_message_id(id_):
                dispatches[id_] = found
            else:
                self._source.give_up(self._lane, id_, "it is no dispatch of a job")
        claimed = self._claims.claim(list(dispatches.values()))
        for id_, dispatched in dispatches.items():
            job_type = claimed.get(dispatched)
            if job_type is None:
                # Void: another worker has the job, or it was cancelled. Or PostgreSQL did not answer.
                self._buffer.done.add(id_)
            elif self._source.can_run(job_type):
                self._buffer.take(_message(self._lane, id_, dispatched, job_type))
            else:
                self._claims.give_back([dispatched])
                self._source.give_up(self._lane, id_, f"this process does not know job type {job_type!r}")


def _message(lane: str, id_: str, dispatched: tuple[UUID, int], job_type: str) -> MessageProxy:
    options = {"redis_message_id": id_}
    message: Message[Any] = Message(lane, job_type, (), {}, options, message_id=str(dispatched[0]))
    return MessageProxy(message)
