"""The story of a failure.

1. A handler raises, or is interrupted, or asks for something (`outcomes`).
2. Its error is sorted by the job type's rules: permanent, or worth another try. Unknown is worth another try.
3. With retries left the job goes back to pending after the backoff (or the time the other side asked for);
   otherwise it is dead-lettered with its reason.
This middleware only decides; `state` records.
"""

from __future__ import annotations

import traceback
from typing import Any

import structlog
from dramatiq import Broker, MessageProxy
from dramatiq.middleware import Middleware
from dramatiq.threading import Interrupt

from aeon_jobs.middleware.execution.definitions import Definition
from aeon_jobs.middleware.execution.outcomes import (
    Cancel,
    Discard,
    GivenBack,
    JobCancelled,
    JobStalled,
    JobTimedOut,
    LeaseLost,
    PermanentError,
    Retry,
    Snooze,
    TransientError,
)
from aeon_jobs.middleware.execution.results import storable
from aeon_jobs.middleware.execution.running import CurrentJob, active_job
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.queue import states
from aeon_jobs.persistence.queue.states import DeadReason, Failure, Verdict

_log = structlog.get_logger(__name__)

_SAYINGS: dict[type[BaseException], str] = {
    JobTimedOut: "ran longer than its timeout_ms",
    JobStalled: "called neither progress() nor check() within the heartbeat of its job type",
}


class InvalidPayload(InvalidJob):
    """The stored payload does not fit the handler's signature: it came by plain SQL, or from another version."""


class Retries(Middleware):
    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        job = active_job()
        if job is None or job.verdict is not None:
            return
        definition = broker.get_actor(message.actor_name).options["definition"]
        job.verdict = _safely(definition, job, _told(exception))
        _say(job.verdict)


def _told(error: BaseException | None) -> BaseException | None:
    """dramatiq wraps the interrupt of a coroutine whose clean-up takes longer than a second."""
    return error.__cause__ if isinstance(error, RuntimeError) and isinstance(error.__cause__, Interrupt) else error


def _safely(definition: Definition, job: CurrentJob, error: BaseException | None) -> Verdict:
    """The verdict. It also works for an error whose text raises, and for a backoff that raises."""
    try:
        return verdict_on(definition, job, error)
    except Exception as fault:  # noqa: BLE001 (every attempt needs a verdict)
        _log.exception("the outcome could not be decided; the attempt counts as failed")
        assert job.claimed is not None
        failure = Failure(
            type(error or fault).__name__[:255], "the outcome could not be decided", traceback.format_exc()
        )
        return states.failed(failure, retries_left=job.claimed.retries_left, delay_ms=60_000)


def verdict_on(definition: Definition, job: CurrentJob, error: BaseException | None) -> Verdict:
    """What becomes of a job whose handler returned `job.result` or raised `error`."""
    match error:
        case None:
            return _completed(definition, job)
        case Snooze():
            return states.snoozed(int(error.delay * 1_000), error.reason)
        case Discard():
            return states.discarded(error.reason)
        case Cancel():
            return states.cancelled(error.reason)
        case JobCancelled():
            return states.cancelled(job.cancel_reason or "cancelled while running")
        case GivenBack():
            return states.released(str(error))
        case LeaseLost():
            return states.released("the lease was lost")
        case _:
            return _failed(definition, job, error)


def _completed(definition: Definition, job: CurrentJob) -> Verdict:
    try:
        return states.completed(storable(job.result))
    except PermanentError as error:
        return _failed(definition, job, error)


def _failed(definition: Definition, job: CurrentJob, error: BaseException) -> Verdict:
    assert job.claimed is not None
    return states.failed(
        _failure(definition, error),
        retries_left=job.claimed.retries_left,
        delay_ms=_delay_ms(definition, job.claimed.retry_count + 1, error),
        hopeless=_hopeless(definition, error),
    )


def _hopeless(definition: Definition, error: BaseException) -> DeadReason | None:
    if isinstance(error, InvalidPayload):
        return "invalid_payload"
    if isinstance(error, PermanentError) or definition.rules.is_permanent(error):
        return "permanent"
    return None


def _delay_ms(definition: Definition, retry: int, error: BaseException) -> int:
    """The handler's own wish, else the other side's, else the backoff."""
    wish = error.after if isinstance(error, Retry) else None
    asked = error.retry_after if isinstance(error, TransientError) else None
    if wish is not None:
        return int(wish * 1_000)
    delay_ms = definition.backoff.delay_ms(retry)
    return delay_ms if asked is None else max(delay_ms, int(asked * 1_000))


def _failure(definition: Definition, error: BaseException) -> Failure:
    return Failure.of(
        type(error).__name__,
        _text(error) or _SAYINGS.get(type(error), type(error).__name__),
        "".join(traceback.format_exception(error)),
        job_type=definition.name,
        place=_place(error),
    )


def _text(error: BaseException) -> str:
    """The error's text, also when the handler's own class cannot make one."""
    try:
        return str(error)
    except Exception as fault:  # noqa: BLE001 (an error without a text is an error like any other)
        return f"{type(error).__name__} has no text: its __str__ raised {type(fault).__name__}"


def _place(error: BaseException) -> str:
    """module:function of the innermost frame."""
    frame: Any = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return ""
    return f"{frame.tb_frame.f_globals.get('__name__', '')}:{frame.tb_frame.f_code.co_name}"


def _say(verdict: Verdict) -> None:
    failure = verdict.failure
    details = {"error_type": failure.error_type, "error": failure.message[:500]} if failure else {}
    if verdict.status == "failed":
        _log.error("job failed", outcome=verdict.outcome, reason=verdict.reason, **details)
    elif verdict.outcome == "retried":
        _log.warning("attempt failed, will be retried", delay_ms=verdict.delay_ms, **details)
    else:
        _log.info(f"job {verdict.outcome}", **details)
