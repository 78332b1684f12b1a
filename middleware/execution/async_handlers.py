"""Async handlers: dramatiq's event loop, kept from what would end it for everybody."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Coroutine
from typing import Any

from dramatiq import Broker, Worker
from dramatiq.asyncio import EventLoopThread, get_event_loop_thread, set_event_loop_thread
from dramatiq.middleware import AsyncIO

from aeon_jobs.persistence.core.logs import Logger

START_S = 10
STOP_S = 5

_log = Logger(__name__)


class HandlerExited(Exception):
    """An async handler called sys.exit() or was interrupted from the keyboard."""


class AsyncHandlers(AsyncIO):
    """As dramatiq's own, but neither a handler that blocks the loop nor a second TERM can hold the process at its end."""

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        thread = EventLoopThread(self.logger)
        # A second TERM, or Ctrl-C pressed twice, ends the main thread on the spot: nobody is left to stop the loop.
        thread.daemon = True
        thread.start(timeout=START_S)
        set_event_loop_thread(thread)

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        thread = get_event_loop_thread()
        if thread is None:
            return
        set_event_loop_thread(None)
        if thread.loop.is_running():
            thread.loop.call_soon_threadsafe(thread.loop.stop)
        thread.join(STOP_S)
        if thread.is_alive():
            # All jobs are recorded or released by now; only the blocked one is left, and nothing stops it but this.
            _log.critical("the event loop is blocked by a handler; the process ends without it")
            os._exit(1)


def is_loop_dead() -> bool:
    """Whether there was an event loop and it ended: no async job will ever run in this process again."""
    thread = get_event_loop_thread()
    return thread is not None and not thread.is_alive()


class Pulse:
    """Whether the event loop comes round."""

    def __init__(self) -> None:
        self._asked_at: float | None = None

    def missed_since(self) -> float | None:
        """Since when (time.monotonic) the loop has not answered; None if it has. Call it repeatedly."""
        thread = get_event_loop_thread()
        if thread is None or not thread.loop.is_running():
            return None
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            thread.loop.call_soon_threadsafe(self._answer)
        return self._asked_at

    def _answer(self) -> None:
        self._asked_at = None


def contained(handler: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """The handler, with exits turned into failures: in the loop's thread they would end the loop."""

    @functools.wraps(handler)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return await handler(*args, **kwargs)
        except (SystemExit, KeyboardInterrupt) as error:
            raise HandlerExited(f"{type(error).__name__}: {error}") from error

    return wrapper
