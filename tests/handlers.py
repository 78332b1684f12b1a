"""Job types for tests that run real process groups: `dramatiq aeon_jobs.actors tests.handlers`."""

from __future__ import annotations

import os
import time
from datetime import timedelta

from sqlalchemy import text

from aeon_jobs import Limit
from aeon_jobs.actors import current_job, job
from aeon_jobs.persistence.queue.states import Backoff
from tests.effects import effect


@job
def note(n: int = 0) -> int:
    effect("ran")
    return n


@job
def nap(seconds: float) -> None:
    """Sleeps in small steps, and checks for interrupts."""
    effect("began")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)
        current_job().check()
    effect("ran")


@job(timeout=timedelta(seconds=1), max_retries=0)
def blocked(seconds: float) -> None:
    """Waits in one blocking call, which no interrupt ends."""
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
def kills_its_process() -> None:
    """Kills its own process."""
    effect("began")
    os.kill(os.getpid(), 9)


@job
def counts(upto: int, seconds: float) -> None:
    """A loop that goes on where it stopped."""
    for number in current_job().iterate(range(upto)):
        effect(f"did-{number}")
        time.sleep(seconds)


@job(max_retries=0)
def blocked_until(pipe: str) -> None:
    """Waits in one blocking call until the test opens the pipe for writing."""
    effect("began")
    with open(pipe):
        effect("ran")


@job(backoff=Backoff(base_ms=10, multiplier=1))
def booking() -> None:
    """Its effect is a row, in the transaction of its completion."""
    with current_job().transaction() as session:
        session.execute(
            text("INSERT INTO bookings (job_id, attempt) VALUES (:id, :attempt)"),
            {"id": current_job().id, "attempt": current_job().attempt},
        )


@job(backoff=Backoff(base_ms=10, multiplier=1))
def split(parts: int) -> None:
    """Adds steps to its workflow, one after the other."""
    effect("began")
    for n in range(parts):
        current_job().workflow.add(f"part-{n}", note.job(n=n))


@job
def joined() -> dict[str, object]:
    """The results of what it waited for."""
    return dict(sorted(current_job().results.items()))


@job(concurrency=Limit(3))
def few(seconds: float = 0) -> None:
    time.sleep(seconds)
    effect("ran")
