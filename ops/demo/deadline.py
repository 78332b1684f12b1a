"""One deadline for the whole demo, and one way to wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from aeon_jobs.persistence.core.errors import JobsError

POLL_S = 0.1

T = TypeVar("T")


class DeadlinePassed(JobsError):
    """The message says what was waited for."""

    def __init__(self, seconds: float, waiting_for: str) -> None:
        super().__init__(f"after {seconds:.0f} s the demo still waits for {waiting_for}")


class Interrupted(JobsError):
    """Ctrl-C or TERM."""


class Deadline:
    """Waits until a result is there, the deadline passes, or `stop` is called."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._began = seconds, time.monotonic()
        self._stopped = Event()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def stop(self) -> None:
        """End every wait, now and from now on. Callable from any thread."""
        self._stopped.set()

    def until(self, look: Callable[[], T | None], waiting_for: Callable[[], str]) -> T:
        """The first true result of `look`.

        Raises:
            DeadlinePassed, Interrupted
        """
        while not (found := look()):
            self._stopped.wait(POLL_S)
            self.check(waiting_for)
        return found

    def check(self, waiting_for: Callable[[], str]) -> None:
        """To be called between the steps of a long task.

        Raises:
            DeadlinePassed, Interrupted
        """
        if self._stopped.is_set():
            raise Interrupted("interrupted")
        if self.elapsed > self._seconds:
            raise DeadlinePassed(self._seconds, waiting_for())
