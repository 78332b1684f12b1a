"""One deadline for the whole demo, and one way to wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from aeon_jobs.persistence.core.errors import JobsError

POLL_S = 0.1

T = TypeVar("T")


class Overdue(JobsError):
    """The deadline passed; the message says what was waited for."""

    def __init__(self, seconds: float, waiting_for: str) -> None:
        super().__init__(f"after {seconds:.0f} s still waiting for {waiting_for}")


class Interrupted(JobsError):
    """Somebody asked for an end."""


class Patience:
    """Waits until something is there, the deadline passes, or somebody calls `stop`."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._began = seconds, time.monotonic()
        self._stopped = Event()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def stop(self) -> None:
        """Every wait ends, now and from now on; from any thread."""
        self._stopped.set()

    def until(self, look: Callable[[], T | None], waiting_for: Callable[[], str]) -> T:
        """What `look` finds, as soon as it finds something.

        Raises:
            Overdue, Interrupted
        """
        while not (found := look()):
            self._stopped.wait(POLL_S)
            self.check(waiting_for)
        return found

    def check(self, waiting_for: Callable[[], str]) -> None:
        """Between two steps of something long.

        Raises:
            Overdue, Interrupted
        """
        if self._stopped.is_set():
            raise Interrupted("interrupted")
        if self.elapsed > self._seconds:
            raise Overdue(self._seconds, waiting_for())
