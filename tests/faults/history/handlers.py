"""Job types of a run. Each returns its attempt, so the result says which attempt wrote it."""

from __future__ import annotations

import time
from datetime import timedelta

from sqlalchemy import text

from aeon_jobs import Limit
from aeon_jobs.actors import current_job, job
from aeon_jobs.middleware.execution.outcomes import PermanentError, Snooze
from aeon_jobs.persistence.queue.states import Backoff
from tests.faults.history.effects import effect

SOON = Backoff(base_ms=50, multiplier=1)
LIMIT = 2
"""Jobs of one tenant at once."""


@job
def h_note() -> int:
    effect("began")
    effect("ran")
    return current_job().attempt


@job
def h_nap(seconds: float) -> int:
    effect("began")
    _sleep(seconds)
    effect("ran")
    return current_job().attempt


@job(concurrency=Limit(LIMIT, key="payload.tenant"))
def h_limited(tenant: int, seconds: float) -> int:
    effect("began")
    _sleep(seconds)
    effect("ran")
    return current_job().attempt


@job(backoff=SOON)
def h_flaky(failures: int) -> int:
    effect("began")
    if current_job().retry_count < failures:
        raise ConnectionError("not yet")
    effect("ran")
    return current_job().attempt


@job(backoff=SOON, max_retries=1)
def h_failing() -> None:
    effect("began")
    raise ValueError("never")


@job
def h_permanent() -> None:
    effect("began")
    raise PermanentError("cannot work")


@job(max_retries=0, timeout=timedelta(seconds=1))
def h_endless() -> None:
    effect("began")
    _sleep(3_600)


@job
def h_snoozing() -> int:
    effect("began")
    if current_job().attempt == 1:
        raise Snooze(0.3)
    effect("ran")
    return current_job().attempt


@job
def h_booking(seconds: float) -> int:
    """Its effect is a row, in the transaction of its completion."""
    effect("began")
    with current_job().transaction() as session:
        session.execute(
            text("INSERT INTO history_bookings (job_id, attempt) VALUES (:id, :attempt)"),
            {"id": current_job().id, "attempt": current_job().attempt},
        )
        _sleep(seconds)
        current_job().result = current_job().attempt
    effect("ran")
    return current_job().attempt


def _sleep(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)
        current_job().check()
