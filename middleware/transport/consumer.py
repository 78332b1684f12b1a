"""A consumer that waits on events instead of polling.

dramatiq's own consumer sleeps 5 ms to 1 s whenever it is full or finds nothing, and says every ack to Redis by itself. This
one is woken by a push (there is something to fetch) and by a message that is done with (there is room); what is done goes
with the next fetch. The poll behind it guards against a lost wake-up, and keeps the broker's heartbeat.

An ack follows the record of its job, so one that is late or lost costs nothing: the message comes again, and its claim finds
that there is nothing to do.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING, Any

import redis
import structlog
from dramatiq import Message, MessageProxy
from dramatiq.broker import Consumer
from dramatiq.common import current_millis
from dramatiq.errors import ConnectionClosed

from aeon_jobs.persistence.core.crash_points import crash

if TYPE_CHECKING:
    from aeon_jobs.middleware.transport.broker import JobBroker

BREATH_S = 0.001

_log = structlog.get_logger(__name__)


class WakingConsumer(Consumer):
    def __init__(self, broker: JobBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        """`prefetch`: most messages that the process may hold, of all queues; `timeout`: milliseconds between looks without a
        wake-up."""
        self._broker = broker
        self._queue = queue_name
        self._prefetch = prefetch
        self._timeout_s = timeout / 1_000
        self._buffer = broker.buffers[queue_name]
        self._wake = Event()
        self._wake.set()
        broker.wakers[self._wake] = queue_name

    def __next__(self) -> MessageProxy | None:
        if not self._buffer.fetched:
            is_poll = not self._wake.wait(self._timeout_s)
            if self._buffer.done:
                # A breath: others of the same group commit are done in a moment, and share the round trip.
                time.sleep(BREATH_S)
            # Cleared before the look: what comes after it sets the event again.
            self._wake.clear()
            self._fetch_now(is_poll)
        return self._buffer.fetched.popleft() if self._buffer.fetched else None

    def ack(self, message: MessageProxy) -> None:
        id_ = message.options["redis_message_id"]
        self._buffer.done.add(id_)
        self._wake.set()
        self._leave([id_])

    def nack(self, message: MessageProxy) -> None:
        # A job's dead letter stands in Postgres: dramatiq's dead-letter queue is for ordinary messages.
        if self._broker.is_job(message):
            self.ack(message)
            return
        try:
            self._broker.do_nack(self._queue, message.options["redis_message_id"])
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        finally:
            self._leave([message.options["redis_message_id"]])

    def requeue(self, messages: Any) -> None:
        if ids := [message.options["redis_message_id"] for message in messages]:
            self._broker.do_requeue(self._queue, *ids)
            self._leave(ids)

    def close(self) -> None:
        self._broker.wakers.pop(self._wake, None)
        if not self._broker.is_stopping:
            # Redis was away, and the next consumer goes on with what is in hand.
            return
        try:
            self._say(room=0)
            self.requeue(self._buffer.fetched)
        except redis.RedisError as error:
            _log.warning("fetched messages not given back", queue=self._queue, error=str(error))

    def _leave(self, ids: Sequence[str]) -> None:
        self._broker.prefetch_limit.leave(ids)
        self._broker.wake_waiting()

    def _fetch_now(self, is_poll: bool) -> None:
        with self._broker.prefetch_limit.reserve(0 if self._broker.is_stopping else self._prefetch) as room:
            if not (room or self._buffer.done or is_poll):
                return
            if room:
                # Before the look: a listener that rings meanwhile says that there is more.
                self._buffer.is_drained = True
            try:
                answer = self._say(room)
            except redis.ConnectionError as error:
                raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
            if answer:
                crash("fetch.taken")
            if len(answer) == 2 * room:
                self._buffer.is_drained = False
            for id_, body in zip(answer[::2], answer[1::2], strict=True):
                self._take(id_.decode(), body)
        if len(answer) < 2 * room:
            # Another consumer may have found no room meanwhile.
            self._broker.wake_waiting()

    def _say(self, room: int) -> list[Any]:
        done = list(self._buffer.done)
        answer = self._broker.ack_and_fetch(self._queue, done, room, current_millis())
        # Only now: an ack that did not get through is said again.
        self._buffer.done.difference_update(done)
        return answer

    def _take(self, id_: str, body: bytes | None) -> None:
        """One broken message must not take the good ones along that were fetched with it."""
        try:
            message: Message[Any] = Message.decode(body or b"")
            if message.options["redis_message_id"] != id_ or message.queue_name != self._queue:
                raise ValueError("the message is filed in the wrong place")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001 (whatever rubbish lies in Redis)
            self._broker.give_up(self._queue, id_, str(error))
            return
        self._broker.prefetch_limit.enter(id_)
        self._buffer.fetched.append(MessageProxy(message))
