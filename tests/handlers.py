"""Job types for tests that run real process groups: `dramatiq actors tests.handlers`.

Each effect is a line in the file EFFECTS_LOG: outside both stores, appended atomically, so that it tells what really ran.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta

from actors import current_job, job
from persistence.states import Backoff


def effect(what: str) -> None:
    line = f"{current_job().id} {current_job().attempt} {what}\n"
    descriptor = os.open(os.environ["EFFECTS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


@job
def note(n: int = 0) -> int:
    effect("ran")
    return n


@job
def nap(seconds: float) -> None:
    """Sleeps in small steps, as a well-behaved handler does."""
    effect("began")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)
        current_job().check()
    effect("ran")


@job(timeout=timedelta(seconds=1), max_retries=0)
def deaf(seconds: float) -> None:
    """Sits in one blocking call."""
    effect("began")
    time.sleep(seconds)
    effect("ran")


@job(backoff=Backoff(base_ms=10, multiplier=1))
def flaky(failures: int) -> None:
    effect("began")
    if current_job().retry_count < failures:
        raise ConnectionError("not yet")
    effect("ran")


@job
def suicide() -> None:
    """Takes its whole process down."""
    effect("began")
    os.kill(os.getpid(), 9)
