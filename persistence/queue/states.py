"""The life of an attempt as pure functions: no clock, no database, no dramatiq.

1. An attempt ends. `completed`, `failed`, `cancelled`, … each build the Verdict that `executions.record` writes.
2. A failure that may pass, with retries left, goes back to pending after `backoff`.
3. A failure that cannot pass, or with no retry left, is final and leaves a dead letter that says why.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from aeon_jobs.persistence.core.statuses import JobStatus

Outcome = Literal[
    "completed", "retried", "failed", "discarded", "cancelled", "snoozed", "released", "lost", "superseded"
]
DeadReason = Literal["exhausted", "permanent", "invalid_payload", "timeout", "poison", "unknown_type", "corrupt"]

MAX_TEXT = 10_000


@dataclass(frozen=True, slots=True)
class Backoff:
    """When to try again.

    `delays`: seconds by number of the retry, the last one repeated; or a function of that number (1, 2, 3 …).
    None: base * multiplier ** (n - 1), which with the defaults is 1, 2, 4, 8, 16 s …
    """

    base_ms: int = 1_000
    multiplier: float = 2.0
    max_ms: int = 3_600_000
    jitter: float = 0.1
    delays: Sequence[float] | Callable[[int], float] | None = None

    @classmethod
    def constant(cls, seconds: float) -> Backoff:
        """Always the same."""
        return cls(base_ms=int(seconds * 1_000), multiplier=1)

    @classmethod
    def linear(cls, seconds: float) -> Backoff:
        """`seconds` more with each retry."""
        return cls(delays=lambda retry: retry * seconds)

    def delay_ms(self, retry: int, chance: Callable[[], float] = random.random) -> int:
        """Milliseconds before retry number `retry` (from 1), never above `max_ms`.

        Jitter takes up to its share away, never adds: a cap is a cap. `chance` returns a number in [0, 1).
        """
        spread = 1 - self.jitter * chance()
        return max(0, int(min(self._plain_ms(retry), self.max_ms) * spread))

    def _plain_ms(self, retry: int) -> float:
        if callable(self.delays):
            return self.delays(retry) * 1_000
        if self.delays:
            return self.delays[min(retry, len(self.delays)) - 1] * 1_000
        # Capped exponent: 2.0 ** 5000 would overflow long before the cap is applied.
        return self.base_ms * self.multiplier ** min(retry - 1, 64)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is kept: type, message, traceback, and the fingerprint that groups failures of one cause."""

    error_type: str
    message: str
    traceback: str = ""
    fingerprint: str | None = None

    @classmethod
    def of(cls, error_type: str, message: str, traceback: str, *, job_type: str, place: str) -> Failure:
        """`place`: where the error was raised, e.g. ``module:function``. No line number: it moves with every edit."""
        digest = hashlib.sha256(f"{job_type}\0{error_type}\0{place}".encode()).hexdigest()[:32]
        return cls(error_type[:255], _keepable(message), _keepable(traceback), digest)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an attempt ended and what becomes of its job: one row of the record statement."""

    outcome: Outcome
    status: JobStatus
    result: Any = None
    failure: Failure | None = None
    delay_ms: int | None = None
    uses_retry: bool = False
    reason: DeadReason | None = None


_COMPLETED = Verdict("completed", JobStatus.COMPLETED)


def completed(result: Any) -> Verdict:
    # Most handlers return nothing.
    return _COMPLETED if result is None else replace(_COMPLETED, result=result)


def cancelled(reason: str) -> Verdict:
    return Verdict("cancelled", JobStatus.CANCELLED, failure=Failure("JobCancelled", _keepable(reason)))


def snoozed(delay_ms: int, reason: str = "") -> Verdict:
    failure = Failure("Snooze", _keepable(reason)) if reason else None
    return Verdict("snoozed", JobStatus.PENDING, failure=failure, delay_ms=delay_ms)


def released(why: str, delay_ms: int = 0) -> Verdict:
    """Given back unfinished, through no fault of the job: no retry is used."""
    return Verdict("released", JobStatus.PENDING, failure=Failure("Released", why), delay_ms=delay_ms)


def discarded(reason: str) -> Verdict:
    return Verdict("discarded", JobStatus.FAILED, failure=Failure("Discard", _keepable(reason)))


def failed(failure: Failure, *, retries_left: int, delay_ms: int, hopeless: DeadReason | None = None) -> Verdict:
    """A failed attempt. `hopeless` names why trying again cannot help, if it cannot."""
    if hopeless:
        return Verdict("failed", JobStatus.FAILED, failure=failure, reason=hopeless)
    if retries_left <= 0:
        timed_out = failure.error_type in ("JobTimedOut", "JobStalled")
        return Verdict("failed", JobStatus.FAILED, failure=failure, reason="timeout" if timed_out else "exhausted")
    return Verdict("retried", JobStatus.PENDING, failure=failure, delay_ms=delay_ms, uses_retry=True)


@dataclass(frozen=True, slots=True)
class Rules:
    """How a job type sorts its errors. A class that is in neither list is unknown, and unknown is retried."""

    permanent: tuple[type[BaseException], ...] = field(default=())
    transient: tuple[type[BaseException], ...] = field(default=())

    def is_permanent(self, error: BaseException) -> bool:
        return isinstance(error, self.permanent) and not isinstance(error, self.transient)


def _keepable(text: str) -> str:
    """What PostgreSQL can store and somebody would read: no NUL, no lone surrogate, head and tail of the very long."""
    clean = text.replace("\0", "\\0").encode(errors="backslashreplace").decode()
    return clean if len(clean) <= MAX_TEXT else f"{clean[: MAX_TEXT // 4]}\n…\n{clean[-3 * MAX_TEXT // 4 :]}"
