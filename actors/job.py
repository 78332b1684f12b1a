"""The `job` decorator: an actor whose messages are rows.

    @job(queue="mail", max_retries=5, timeout=timedelta(seconds=30))
    def welcome(user_id: int, language: Literal["de", "en"] = "en") -> dict[str, str]:
        ...

    welcome.send(user_id=7)                                             # one INSERT
    welcome.send_with_options(kwargs={"user_id": 7}, priority=90, session=session)   # in the caller's transaction
    welcome(user_id=7)                                                  # a plain call

The signature is the payload's schema. The return value becomes the job's result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any, Generic, ParamSpec, TypeVar, overload

import dramatiq
from pydantic_core import to_jsonable_python

from aeon_jobs.middleware.execution.async_handlers import contained
from aeon_jobs.middleware.execution.definitions import Definition, Isolation
from aeon_jobs.middleware.execution.isolation import run_isolated, verify_isolated
from aeon_jobs.middleware.execution.retries import InvalidPayload
from aeon_jobs.middleware.execution.running import CurrentJob, active_job, current_job
from aeon_jobs.middleware.stack import build_broker
from aeon_jobs.middleware.transport.broker import JobBroker
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.core.settings import get_settings
from aeon_jobs.persistence.queue.states import Backoff, Rules

P = ParamSpec("P")
R = TypeVar("R")

__all__ = ["CurrentJob", "JobActor", "broker", "current_job", "job"]


@lru_cache(maxsize=1)
def broker() -> JobBroker:
    """The process's broker, made at first use and installed as dramatiq's own."""
    made = build_broker(get_settings())
    dramatiq.set_broker(made)
    return made


class JobActor(dramatiq.Actor[P, R], Generic[P, R]):
    """A dramatiq actor whose `send` submits a job."""

    @property
    def definition(self) -> Definition:
        definition: Definition = self.options["definition"]
        return definition

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """In a worker: run the handler for the current job. Elsewhere: validate and call it.

        Raises:
            InvalidJob: the arguments do not fit; in a worker InvalidPayload.
        """
        running = active_job()
        if running is None or not running.begin(self.actor_name):
            return self._handle(self.definition.arguments(self.definition.payload(args, kwargs)))
        try:
            arguments = self.definition.arguments(kwargs)
        except InvalidJob as error:
            raise InvalidPayload(error.violations) from None
        running.result = self._run(running, arguments)
        # The record carries the result; returned to dramatiq, it would only be complained about.
        return None  # type: ignore[return-value]

    def _run(self, running: CurrentJob, arguments: dict[str, Any]) -> Any:
        if self.definition.isolation == "process":
            result = run_isolated(self.definition, running)
        else:
            with running.gate:
                running.check()
                result = self._handle(arguments)
        # Set by the handler itself, in a transaction, it stands.
        return running.result if running.verdict else result

    def _handle(self, arguments: dict[str, Any]) -> R:
        handler: Callable[..., R] = self.fn
        return handler(**arguments)


@overload
def job(fn: Callable[P, R]) -> JobActor[P, R]: ...
@overload
def job(
    *,
    name: str | None = None,
    queue: str = "default",
    priority: int = 50,
    max_retries: int | None = None,
    timeout: timedelta | None = None,
    backoff: Backoff | Sequence[float] | Callable[[int], float] | None = None,
    permanent: Sequence[type[BaseException]] = (),
    transient: Sequence[type[BaseException]] = (),
    isolation: Isolation = "thread",
    description: str | None = None,
    example: Mapping[str, Any] | None = None,
) -> Callable[[Callable[P, R]], JobActor[P, R]]: ...


def job(fn: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Declare a job type.

    Args:
        name: of the job type; the function's own by default. At most 100 letters, digits, _ . - or :
        queue: which workers serve it.
        priority: 0 to 100, higher first; a submission may choose another.
        max_retries: 0 to 10; JOB_MAX_RETRIES by default.
        timeout: 1 s to 10 min; JOB_DEFAULT_TIMEOUT by default.
        backoff: a Backoff, a list of seconds, or a function from the retry's number (1, 2, …) to seconds.
        permanent: errors that another try cannot mend; dead-lettered at once.
        transient: errors that it may mend, even if `permanent` names a base of theirs.
        isolation: "process" runs the handler in a child process that can be killed.
        description, example: for the registry, the API's documentation and people.

    Raises:
        ValueError, TypeError: the declaration is not usable; says why.
    """
    if fn is not None:
        return _declare(fn)
    return partial(_declare, **options)


def _declare(
    handler: Callable[..., Any],
    *,
    name: str | None = None,
    queue: str = "default",
    priority: int = 50,
    max_retries: int | None = None,
    timeout: timedelta | None = None,
    backoff: Backoff | Sequence[float] | Callable[[int], float] | None = None,
    permanent: Sequence[type[BaseException]] = (),
    transient: Sequence[type[BaseException]] = (),
    isolation: Isolation = "thread",
    description: str | None = None,
    example: Mapping[str, Any] | None = None,
) -> JobActor[Any, Any]:
    settings = get_settings()
    definition = Definition(
        name=name or handler.__name__,
        handler=handler,
        queue_name=queue,
        priority=priority,
        max_retries=settings.job_max_retries if max_retries is None else max_retries,
        timeout_ms=int(timeout.total_seconds() * 1_000) if timeout else settings.job_default_timeout,
        description=description if description is not None else (inspect.getdoc(handler) or "").split("\n\n")[0],
        example=to_jsonable_python(dict(example or {})),
        backoff=_backoff(backoff),
        rules=Rules(tuple(permanent), tuple(transient)),
        isolation=isolation,
    )
    definition.verify()
    if definition.isolation == "process":
        verify_isolated(handler)
    actor: JobActor[Any, Any] = dramatiq.actor(
        actor_class=JobActor,
        actor_name=definition.name,
        queue_name=queue,
        broker=broker(),
        definition=definition,
    )(contained(handler) if inspect.iscoroutinefunction(handler) else handler)  # type: ignore[assignment]
    return actor


def _backoff(wanted: Backoff | Sequence[float] | Callable[[int], float] | None) -> Backoff:
    if isinstance(wanted, Backoff):
        return wanted
    settings = get_settings()
    return Backoff(
        base_ms=settings.job_retry_delay_base,
        multiplier=settings.job_retry_backoff_multiplier,
        max_ms=settings.job_retry_delay_max,
        jitter=settings.job_retry_jitter,
        delays=wanted,
    )
