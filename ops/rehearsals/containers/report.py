"""Each step as a line, with its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Failed(Exception):
    """A check did not hold."""


class Report:
    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Prints the step when it is done; what is put into the list stands beside it."""
        began, details = time.monotonic(), list[str]()
        try:
            yield details
        except BaseException:
            print(f"FAILED {time.monotonic() - began:6.1f} s  {name}", flush=True)
            raise
        print(
            f"ok     {time.monotonic() - began:6.1f} s  {': '.join([name, ', '.join(details)][: 1 + bool(details)])}",
            flush=True,
        )


def check(holds: bool, message: str) -> None:
    """
    Raises:
        Failed
    """
    if not holds:
        raise Failed(message)


def wait_for(holds: Callable[[], bool], message: Callable[[], str], timeout_s: float = 600) -> None:
    """
    Raises:
        Failed
    """
    ends_at = time.monotonic() + timeout_s
    while not holds():
        check(time.monotonic() < ends_at, f"after {timeout_s:.0f} s: {message()}")
        time.sleep(1)
