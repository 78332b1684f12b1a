"""An event that is set by other threads, and by messages on channels of Redis.

The thread that waits hears both itself: another one that listened for it would cost a change of threads for each job.

A message that is lost costs time: the next poll finds the work.
"""

from __future__ import annotations

import math
import os
import select
import time
from contextlib import suppress

import redis

from aeon_jobs.persistence.core.logs import Logger
from aeon_jobs.persistence.hints import AGAIN, AGAIN_S
from aeon_jobs.persistence.redis_socket import RedisSocket

RETRY_S = 1.0
"""Between tries to reach Redis."""

_AGAIN = f"\r\n{AGAIN}\r\n".encode()
_log = Logger(__name__)


class Wakeup:
    """As `threading.Event`. Any thread may set it; one waits for it, and clears it."""

    def __init__(self) -> None:
        self._is_set = False
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        self._channels: tuple[str, ...] = ()
        self._socket: RedisSocket | None = None
        self._open_at = 0.0
        self._again_at = math.inf

    def __del__(self) -> None:
        for end in self._pipe:
            os.close(end)

    def listen(self, client: redis.Redis, *channels: str) -> None:
        """Be set by whatever is published there, and by AGAIN twice; also by each new connection, for messages may have been
        missed before."""
        self._socket, self._channels = RedisSocket(client), channels

    def close(self) -> None:
        """Listen no more."""
        if self._socket:
            self._socket.close()
        self._socket = None

    def set(self) -> None:
        if not self._is_set:
            self._is_set = True
            with suppress(BlockingIOError):
                os.write(self._pipe[1], b"1")

    def is_set(self) -> bool:
        return self._is_set

    def clear(self) -> None:
        """Whatever set it until now is forgotten."""
        self._is_set = False
        if time.monotonic() >= self._again_at:
            self._again_at = math.inf
        with suppress(BlockingIOError):
            os.read(self._pipe[0], 1_024)
        if (subscription := self._socket) and subscription.is_open:
            self._hear_from(subscription)

    def wait(self, timeout_s: float) -> bool:
        """Whether it was set, within that time."""
        end = time.monotonic() + timeout_s
        while not self._is_set and (left := end - (now := time.monotonic())) > 0:
            if now >= self._again_at or self._hear(min(left, self._again_at - now)):
                self._is_set = True
        return self._is_set

    def _hear(self, seconds: float) -> bool:
        """Whether something was said within that time, or the connection was lost, and messages with it."""
        poller = select.poll()
        poller.register(self._pipe[0], select.POLLIN)
        subscription = self._socket
        if subscription and self._is_open(subscription):
            poller.register(subscription, select.POLLIN)
        elif subscription:
            seconds = min(seconds, RETRY_S)
        files = [file for file, _ in poller.poll(seconds * 1_000)]
        if subscription and any(file != self._pipe[0] for file in files):
            self._hear_from(subscription)
        return bool(files)

    def _hear_from(self, subscription: RedisSocket) -> None:
        if (said := subscription.hear()).startswith(b"-"):
            subscription.close()
            self._say_deaf(said.decode(errors="replace").strip())
        elif _AGAIN in said:
            self._again_at = time.monotonic() + AGAIN_S

    def _is_open(self, subscription: RedisSocket) -> bool:
        if not subscription.is_open and time.monotonic() >= self._open_at:
            self._open_at = time.monotonic() + RETRY_S
            try:
                subscription.open()
                subscription.send("SUBSCRIBE", *self._channels)
            except redis.RedisError as error:
                self._say_deaf(str(error))
        return subscription.is_open

    def _say_deaf(self, error: str) -> None:
        _log.debug("cannot listen to Redis; polling goes on", channels=self._channels, error=error)
