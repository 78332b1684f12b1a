"""The consumer of a process's lane: it waits on an event instead of polling.

dramatiq's own consumer sleeps 5 ms to 1 s whenever it is full or finds nothing, sends every ack by itself, and is one thread
for each queue. This one serves all queues of the process: their workers share a lane. It wakes when something was pushed, and
when a message is done, because then it can take another one. Messages that are done are acked with the next fetch. A poll
covers a lost wake-up, and keeps the broker's heartbeat.

An ack follows the record of its job. So an ack that is late or lost costs nothing: the message comes again, and its claim
finds that the job is over.
"""

from __future__ import annotations

import time
from threading import Event
from typing import Any, Protocol

import redis
from dramatiq import Message, MessageProxy
from dramatiq.broker import Consumer
from dramatiq.common import current_millis
from dramatiq.errors import ConnectionClosed

from aeon_jobs.middleware.transport.prefetch import PrefetchBuffer
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.logs import Logger

PAUSE_S = 0.001
STOPPING_S = 0.05
"""Between looks of a process that stops: dramatiq waits for this thread before it ends."""

_log = Logger(__name__)


class Source(Protocol):
    """What the consumer needs of its broker."""

    prefetched: PrefetchBuffer
    consumer_wake: Event
    is_stopping: bool
    is_quiet: bool

    def ack_and_fetch(self, lane: str, done: list[str], count: int, now_ms: int) -> list[Any]: ...
    def give_back(self, lane: str, message_ids: list[str]) -> None: ...
    def can_run(self, job_type: str) -> bool: ...
    def give_up(self, lane: str, message_id: str, why: str) -> None: ...


class LaneConsumer(Consumer):
    def __init__(self, source: Source, lane: str, prefetch: int, timeout: int) -> None:
        """`prefetch`: most messages that the process may have; `timeout`: milliseconds between looks without a wake-up."""
        self._source = source
        self._lane = lane
        self._prefetch = prefetch
        self._timeout_s = timeout / 1_000
        self._buffer = source.prefetched
        self._wake = source.consumer_wake
        self._wake.set()

    def __next__(self) -> MessageProxy | None:
        if not self._buffer.fetched:
            is_poll = not self._wake.wait(STOPPING_S if self._source.is_stopping else self._timeout_s)
            if self._buffer.done:
                # Other messages of the same group commit are done a moment later, and share the round trip.
                time.sleep(PAUSE_S)
            # Cleared before the fetch: what is pushed after the fetch sets the event again.
            self._wake.clear()
            self._fetch(is_poll)
        return self._buffer.fetched.popleft() if self._buffer.fetched else None

    def ack(self, message: MessageProxy) -> None:
        id_ = message.options["redis_message_id"]
        self._buffer.done.add(id_)
        self._buffer.release(id_)
        self._wake.set()

    # A job that failed has its record in PostgreSQL: dramatiq's dead-letter queue is for ordinary messages.
    nack = ack

    def requeue(self, messages: Any) -> None:
        if ids := [message.options["redis_message_id"] for message in messages]:
            self._source.give_back(self._lane, ids)
            for id_ in ids:
                self._buffer.release(id_)

    def close(self) -> None:
        if not self._source.is_stopping:
            # Redis was away. The next consumer goes on with these messages.
            return
        try:
            self._call(0)
            self.requeue(self._buffer.fetched)
            self._buffer.fetched.clear()
        except redis.RedisError as error:
            _log.warning("fetched messages not given back", error=str(error))

    def _fetch(self, is_poll: bool) -> None:
        may_take = not (self._source.is_stopping or self._source.is_quiet)
        free = self._buffer.free(self._prefetch) if may_take else 0
        if not (free or self._buffer.done or is_poll):
            return
        try:
            answer = self._call(free)
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        if answer:
            crash("fetch.taken")
        for id_, body in zip(answer[::2], answer[1::2], strict=True):
            self._take(id_.decode(), body)

    def _call(self, free: int) -> list[Any]:
        done = list(self._buffer.done)
        answer = self._source.ack_and_fetch(self._lane, done, free, current_millis())
        # Only now: an ack that did not get through is sent again.
        self._buffer.done.difference_update(done)
        return answer

    def _take(self, id_: str, body: bytes | None) -> None:
        """A broken message must not harm the good ones of the same fetch."""
        try:
            message: Message[Any] = Message.decode(body or b"")
            if message.options["redis_message_id"] != id_ or message.queue_name != self._lane:
                raise ValueError("the message belongs to another lane")  # noqa: TRY301
            if not self._source.can_run(message.actor_name):
                raise ValueError(f"this process does not know job type {message.actor_name!r}")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001 (whatever is in Redis)
            self._source.give_up(self._lane, id_, str(error))
            return
        self._buffer.take(MessageProxy(message))
