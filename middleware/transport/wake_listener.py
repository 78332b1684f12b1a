"""Sets an Event when a message arrives on a channel of Redis. If a message is lost, the next poll finds the work."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread

import redis
import structlog

_log = structlog.get_logger(__name__)


class WakeListener:
    def __init__(self, client: redis.Redis, channel: str, on_wake: Callable[[str | None], None] | None = None) -> None:
        """`on_wake` is called with the message; with None after a connection, because messages may have been missed."""
        self._client = client
        self._channel = channel
        self._woken = Event()
        self._on_wake = on_wake or (lambda _: self._woken.set())
        self._stop = Event()
        self._thread = Thread(target=self._listen, name=f"aeon-listener-{channel}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        with suppress(redis.RedisError):
            # The listener then ends its wait at once.
            self._client.publish(self._channel, "stop")
        self._thread.join()

    def wake(self) -> None:
        """As if a message came."""
        self._woken.set()

    def clear(self) -> None:
        self._woken.clear()

    def wait(self, timeout_s: float) -> bool:
        """Whether a message came."""
        return self._woken.wait(timeout_s)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with self._client.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
                    channel.subscribe(self._channel)
                    # Messages before the subscription were missed.
                    self._on_wake(None)
                    while not self._stop.is_set():
                        if message := channel.get_message(timeout=0.5):
                            self._on_wake(message["data"].decode())
            except redis.RedisError as error:
                _log.debug("listener lost Redis; polling goes on", channel=self._channel, error=str(error))
                self._stop.wait(1)
