"""What a handler can raise to decide the outcome of its attempt.

    Retry(after=30)     run again in 30 s; uses an attempt, like any failure
    Retry(until=moment) run again at a moment
    Snooze(60)          not now: run again in 60 s; uses no attempt
    Discard("stale")    give up for good, without a dead letter
    Cancel("by owner")  end as cancelled, the reason kept

    PermanentError      trying again cannot help: dead letter at once
    TransientError      trying again may help: retry, even if the job type calls the error permanent

JobCancelled, JobTimedOut, LeaseLost are raised *into* a handler from outside. They derive from BaseException, so that
`except Exception` in a handler does not swallow them; catch them only to clean up, then re-raise.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dramatiq.threading import Interrupt

Delay = float | timedelta


def seconds(delay: Delay) -> float:
    """A delay in seconds.

    Raises:
        ValueError: it is negative.
    """
    value = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
    if not 0 <= value <= 10 * 365 * 86_400:
        raise ValueError("a delay must be between 0 s and ten years")
    return value


def _left(after: Delay | None, until: datetime) -> timedelta:
    if after is not None:
        raise ValueError("give either after or until, not both")
    if until.tzinfo is None:
        raise ValueError("until must carry a time zone")
    return max(until - datetime.now(UTC), timedelta())


class Outcome(Exception):
    """Base of the four things a handler may ask for."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        super().__init__(reason or type(self).__name__)


class Retry(Outcome):
    def __init__(self, after: Delay | None = None, reason: str = "", *, until: datetime | None = None) -> None:
        """`after` in seconds; None leaves the delay to the job type's backoff. `until`: a moment with a time zone, instead.

        Raises:
            ValueError: both are given, or one of them is wrong.
        """
        if until is not None:
            after = _left(after, until)
        self.after = None if after is None else seconds(after)
        super().__init__(reason)


class Snooze(Outcome):
    def __init__(self, delay: Delay, reason: str = "") -> None:
        """`delay` in seconds."""
        self.delay = seconds(delay)
        super().__init__(reason)


class Discard(Outcome):
    """Give up for good; no dead letter."""


class Cancel(Outcome):
    """End as cancelled."""


class PermanentError(Exception):
    """Trying again cannot help."""


class TransientError(Exception):
    """Trying again may help. `retry_after`, in seconds, when the other side named a time."""

    def __init__(self, message: str = "", retry_after: Delay | None = None) -> None:
        self.retry_after = None if retry_after is None else seconds(retry_after)
        super().__init__(message)


class JobCancelled(Interrupt):
    """Somebody cancelled the job while it ran."""


class JobTimedOut(Interrupt):
    """The attempt ran longer than the job's timeout_ms."""


class JobStalled(JobTimedOut):
    """The handler called neither `progress()` nor `check()` for as long as its job type's `heartbeat`."""


class GivenBack(Interrupt):
    """An iteration stops between two items, and its job runs on later from there. No retry is used."""


class LeaseLost(Interrupt):
    """The job was taken back: whatever this attempt still does will not be recorded as the job's outcome."""
