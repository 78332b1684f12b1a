"""A consumer that waits on events instead of polling.

dramatiq's own consumer sleeps 5 ms to 1 s whenever it is full or finds nothing. This one is woken by the ack of a message
(there is room) and by a push (there is something to fetch); the poll behind it only guards against a lost wake-up.
"""

from __future__ import annotations

from collections import deque
from threading import Event
from typing import TYPE_CHECKING, Any

import redis
import structlog
from dramatiq import Message, MessageProxy
from dramatiq.broker import Consumer
from dramatiq.common import current_millis
from dramatiq.errors import ConnectionClosed

from persistence.crash_points import crash

if TYPE_CHECKING:
    from middleware.broker import JobBroker

_log = structlog.get_logger(__name__)


class WakingConsumer(Consumer):
    def __init__(self, broker: JobBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        """`timeout`: milliseconds between looks without a wake-up."""
        self._broker = broker
        self._queue = queue_name
        self._prefetch = prefetch
        self._timeout_s = timeout / 1_000
        self._fetched: deque[MessageProxy] = deque()
        self._outstanding: set[str] = set()
        self._wake = Event()
        broker.wakers.add(self._wake)

    def __next__(self) -> MessageProxy | None:
        if not self._fetched:
            # Cleared before the look: what is pushed after it sets the event again.
            self._wake.clear()
            self._fetch()
        if self._fetched:
            return self._fetched.popleft()
        self._wake.wait(self._timeout_s)
        return None

    def ack(self, message: MessageProxy) -> None:
        self._settle(self._broker.do_ack, message)

    def nack(self, message: MessageProxy) -> None:
        # A job's dead letter stands in Postgres: dramatiq's dead-letter queue is for ordinary messages.
        is_job = self._broker.is_job(message)
        self._settle(self._broker.do_ack if is_job else self._broker.do_nack, message)

    def requeue(self, messages: Any) -> None:
        if ids := [message.options["redis_message_id"] for message in messages]:
            self._broker.do_requeue(self._queue, *ids)
            self._outstanding.difference_update(ids)

    def close(self) -> None:
        self._broker.wakers.discard(self._wake)
        try:
            self.requeue(self._fetched)
        except redis.RedisError as error:
            _log.warning("fetched messages not given back", queue=self._queue, error=str(error))

    def _fetch(self) -> None:
        room = self._prefetch - len(self._outstanding)
        if room <= 0 or self._broker.is_stopping:
            return
        try:
            answer = self._broker.fetch(self._queue, room, current_millis())
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        if answer:
            crash("fetch.taken")
        for id_, body in zip(answer[::2], answer[1::2], strict=True):
            self._take(id_.decode(), body)

    def _take(self, id_: str, body: bytes | None) -> None:
        """One broken message must not take the good ones along that were fetched with it."""
        try:
            message: Message[Any] = Message.decode(body or b"")
            if message.options["redis_message_id"] != id_:
                raise ValueError("the message is filed under another id")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001 (whatever rubbish lies in Redis)
            self._broker.give_up(self._queue, id_, str(error))
            return
        self._outstanding.add(id_)
        self._fetched.append(MessageProxy(message))

    def _settle(self, command: Any, message: MessageProxy) -> None:
        try:
            command(self._queue, message.options["redis_message_id"])
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        finally:
            self._outstanding.discard(message.options["redis_message_id"])
            self._wake.set()
