"""What may be said about a job when it is sent: one typed list, for `.options(…)` and `send_with_options(…)`."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict
from uuid import UUID

from dramatiq import Message

from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.queue.submissions import NewJob, OnFailure
from aeon_jobs.persistence.queue.unique import Debounce, Unique

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
    from sqlalchemy.orm import Session

    from aeon_jobs.middleware.execution.definitions import Definition

    AnySession = Session | Connection | AsyncSession | AsyncConnection


class JobOptions(TypedDict, total=False):
    """None is the same as leaving the option out."""

    delay: int | timedelta | None
    """From now on; a number is milliseconds."""
    scheduled_at: datetime | None
    """A moment with a time zone, instead of `delay`."""
    expires_at: datetime | None
    """A moment with a time zone: not begun by then, the job is cancelled."""
    expires_in: int | timedelta | None
    """From now on, instead of `expires_at`; a number is milliseconds."""
    priority: int | None
    """0 to 100, higher first."""
    max_retries: int | None
    """0 to 10, or up to what the job type declares."""
    timeout_ms: int | None
    """1,000 to 600,000, or up to what the job type declares."""
    queue_name: str | None
    metadata: Mapping[str, Any] | None
    created_by: str | None
    idempotency_key: str | None
    idempotency_window_s: float | None
    unique: Unique | Debounce | None
    """Instead of the rule of the job type."""
    depends_on: Sequence[UUID | str | Message[Any]] | None
    """Ids of jobs, or what sending them returned."""
    on_dependency_failure: OnFailure | None
    pipe_ignore: bool | None
    """In a pipeline of dramatiq: the result of the message before is not passed on to this one."""
    workflow_id: UUID | None
    """The batch or workflow that the job counts in. Only a job of it may add to one that is closed."""
    traceparent: str | None
    tracestate: str | None
    session: AnySession | None
    """The job exists when the transaction of this session commits. An async one needs the `…_async` methods."""


NAMES = frozenset(JobOptions.__annotations__)


def refuse_unknown(names: Iterable[str]) -> None:
    """
    Raises:
        InvalidJob: names each option that there is not, and the one that was probably meant.
    """
    if unknown := sorted(set(names) - NAMES):
        raise InvalidJob([Violation(name, _unknown(name)) for name in unknown])


def new_job(
    definition: Definition, message: Message[Any], delay: int | None = None, *, later: Collection[str] = ()
) -> NewJob:
    """The submission that a message stands for. Arguments in `later` may be missing.

    Raises:
        InvalidJob: an option or an argument does not fit; names every one.
    """
    payload = definition.payload(message.args, message.kwargs, later=later)
    return submission(definition, message.options, delay=delay, payload=payload)


def submission(definition: Definition, given: Mapping[str, Any], *, delay: int | None = None, payload: Any) -> NewJob:
    """The submission that options stand for.

    Raises:
        InvalidJob: an option does not fit; names every one.
    """
    options = {name: value for name, value in given.items() if value is not None}
    options.pop("session", None)
    options.pop("redis_message_id", None)
    options.pop("pipe_ignore", None)
    # Of Sentry's integration for dramatiq, where ordinary actors are sent too.
    options.pop("_sentry_headers", None)
    refuse_unknown(options)
    own_delay = options.pop("delay", None)
    if "depends_on" in options:
        options["depends_on"] = _job_ids(options["depends_on"])
    expires_in_ms = milliseconds(options.pop("expires_in", None))
    delay_ms = milliseconds(own_delay if delay is None else delay)
    return NewJob(job_type=definition.name, payload=payload, delay_ms=delay_ms, expires_in_ms=expires_in_ms, **options)


def _unknown(name: str) -> str:
    if name.startswith("group_completion"):
        return "is not an option of a job: for a job after a group, use chord, or Batch with on_success"
    if name == "pipe_target":
        return "is not an option of a job: run the pipeline"
    near = difflib.get_close_matches(name, NAMES, n=1)
    return f"is not an option of a job; did you mean {near[0]}?" if near else "is not an option of a job"


def milliseconds(delay: int | timedelta | None) -> int | None:
    """Of a number, which is milliseconds, or a duration."""
    return int(delay.total_seconds() * 1_000) if isinstance(delay, timedelta) else delay


def _job_ids(parents: Any) -> list[UUID]:
    if isinstance(parents, str | UUID | Message) or not isinstance(parents, Iterable):
        raise InvalidJob.at("depends_on", "must be a list of job ids or sent messages")
    return [_job_id(parent) for parent in parents]


def _job_id(parent: Any) -> UUID:
    """A job id, given as UUID, text, or the message that sending returned."""
    try:
        return UUID(str(getattr(parent, "message_id", parent)))
    except ValueError:
        raise InvalidJob.at("depends_on", f"{parent!r:.80} is no job id") from None
