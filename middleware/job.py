"""The `job` decorator: an actor whose messages are rows.

    @job(queue="mail", max_retries=5, timeout=timedelta(seconds=30))
    def welcome(user_id: int, language: Literal["de", "en"] = "en") -> dict[str, str]:
        ...

    welcome.send(user_id=7)                                             # one INSERT
    welcome.options(priority=90, session=session).send(user_id=7)       # in the caller's transaction
    welcome(user_id=7)                                                  # a plain call

The signature is the payload's schema. The return value becomes the job's result.

Nothing here loads what only a worker needs: a service that sends jobs imports this module.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

import dramatiq
from dramatiq.middleware import Middleware
from pydantic_core import to_jsonable_python

from aeon_jobs.middleware.actor import AsyncJobActor, JobActor
from aeon_jobs.middleware.execution.definitions import Definition, Isolation
from aeon_jobs.middleware.transport.broker import JobBroker
from aeon_jobs.persistence.core import tracing
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import get_settings
from aeon_jobs.persistence.hints import Hints
from aeon_jobs.persistence.queue.limits import Limit, Rate, shape
from aeon_jobs.persistence.queue.states import Backoff, Rules
from aeon_jobs.persistence.queue.submissions import NO_TIMEOUT_MS
from aeon_jobs.persistence.queue.unique import Debounce, Unique
from aeon_jobs.persistence.queue.unique import shape as unique_shape
from aeon_jobs.persistence.redis_clients import redis_client

if TYPE_CHECKING:
    from aeon_jobs.middleware.schedules import Schedule

P = ParamSpec("P")
R = TypeVar("R")


@lru_cache(maxsize=1)
def broker() -> JobBroker:
    """The process's broker, made at first use and installed as dramatiq's own. Opens no connection: a process may fork
    after it."""
    settings = get_settings()
    database = Database(settings.postgres_dsn, schema=settings.job_schema, pool_size=settings.database_pool_size)
    client = redis_client(settings.redis_dsn)
    hints = Hints(client, settings.redis_queue_prefix)

    def middleware() -> list[Middleware]:
        from aeon_jobs.middleware.stack import stack

        return stack(settings, database, hints, client)

    made = JobBroker(
        client,
        database,
        hints,
        namespace=settings.redis_queue_prefix,
        middleware=middleware,
        tracer=tracing.tracer(settings),
    )
    dramatiq.set_broker(made)
    return made


class Declaration(Protocol):
    """What `@job(…)` makes of a function."""

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncJobActor[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> JobActor[P, R]: ...


@overload
def job(fn: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncJobActor[P, R]: ...
@overload
def job(fn: Callable[P, R], /) -> JobActor[P, R]: ...
@overload
def job(
    *,
    name: str | None = None,
    queue: str = "default",
    priority: int = 50,
    max_retries: int | None = None,
    timeout: timedelta | None = None,
    heartbeat: timedelta | None = None,
    backoff: Backoff | Sequence[float] | Callable[[int], float] | None = None,
    permanent: Sequence[type[BaseException]] = (),
    transient: Sequence[type[BaseException]] = (),
    isolation: Isolation = "thread",
    waits_for_record: bool = False,
    keep_logs: bool | None = None,
    concurrency: Limit | Sequence[Limit] = (),
    rate: Rate | Sequence[Rate] = (),
    schedule: Schedule | str | Sequence[str] | None = None,
    unique: Unique | Debounce | None = None,
    description: str | None = None,
    example: Mapping[str, Any] | None = None,
) -> Declaration: ...


def job(fn: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Declare a job type.

    Args:
        name: of the job type; the function's own by default. At most 100 letters, digits, _ . - or :
        queue: which workers serve it.
        priority: 0 to 100, higher first; a submission may choose another.
        max_retries: 0 to 1,000; JOB_MAX_RETRIES by default. A submission may choose up to 10, or up to this.
        timeout: 1 s to 24 days; JOB_DEFAULT_TIMEOUT by default, or none with `heartbeat`. A submission may choose up to 10
            minutes, or up to this.
        heartbeat: the handler must call `current_job().progress()` or `.check()` at least that often, or it is interrupted.
        backoff: a Backoff, a list of seconds, or a function from the retry's number (1, 2, …) to seconds.
        permanent: errors that another try cannot mend; dead-lettered at once.
        transient: errors that it may mend, even if `permanent` names a base of theirs.
        isolation: "process" runs the handler in a child process that can be killed.
        waits_for_record: a thread begins no other job before the outcome of this one is in PostgreSQL. If the process is
            killed, at most one handler of each thread that ended runs again; without it, less than two. It costs throughput.
        keep_logs: keep the lines that the handler logs with its job, for `aeon-jobs logs`; JOB_KEEP_LOGS by default.
        concurrency: how many jobs run at once, of the type or of each key: `Limit(5, key="payload.tenant")`.
        rate: how many start in a period: `Rate(100, per=60)`.
        schedule: when jobs of it are submitted: `"0 7 * * *"`, `"every 90s"`, several of them, or a `Schedule`. More than one
            schedule: `schedules.declare`.
        unique: what becomes of jobs that are alike: `Unique(by=["to"])`, `Debounce(5, by=["document"])`.
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
    heartbeat: timedelta | None = None,
    backoff: Backoff | Sequence[float] | Callable[[int], float] | None = None,
    permanent: Sequence[type[BaseException]] = (),
    transient: Sequence[type[BaseException]] = (),
    isolation: Isolation = "thread",
    waits_for_record: bool = False,
    keep_logs: bool | None = None,
    concurrency: Limit | Sequence[Limit] = (),
    rate: Rate | Sequence[Rate] = (),
    schedule: Schedule | str | Sequence[str] | None = None,
    unique: Unique | Debounce | None = None,
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
        timeout_ms=_milliseconds(timeout) or (NO_TIMEOUT_MS if heartbeat else settings.job_default_timeout),
        heartbeat_ms=_milliseconds(heartbeat),
        description=description if description is not None else (inspect.getdoc(handler) or "").split("\n\n")[0],
        example=to_jsonable_python(dict(example or {})),
        backoff=_backoff(backoff),
        rules=Rules(tuple(permanent), tuple(transient)),
        isolation=isolation,
        waits_for_record=waits_for_record,
        keep_logs=settings.job_keep_logs if keep_logs is None else keep_logs,
        limits=_limits(name or handler.__name__, concurrency, rate),
        uniqueness=_uniqueness(name or handler.__name__, unique),
    )
    definition.verify()
    is_async = inspect.iscoroutinefunction(handler)
    actor: JobActor[Any, Any] = dramatiq.actor(
        actor_class=AsyncJobActor if is_async else JobActor,
        actor_name=definition.name,
        queue_name=queue,
        broker=broker(),
        definition=definition,
    )(_contained(handler) if is_async else handler)  # type: ignore[assignment]
    if schedule is not None:
        from aeon_jobs.middleware import schedules

        schedules.declare(actor, schedule, module=handler.__module__)
    return actor


def _milliseconds(span: timedelta | None) -> int | None:
    return None if span is None else int(span.total_seconds() * 1_000)


def _limits(name: str, concurrency: Limit | Sequence[Limit], rate: Rate | Sequence[Rate]) -> dict[str, Any] | None:
    given: list[Limit | Rate] = [
        *([concurrency] if isinstance(concurrency, Limit) else concurrency),
        *([rate] if isinstance(rate, Rate) else rate),
    ]
    try:
        return shape(given)
    except ValueError as error:
        raise ValueError(f"job {name}: {error}") from None


def _uniqueness(name: str, unique: Unique | Debounce | None) -> dict[str, Any] | None:
    try:
        return unique_shape(unique)
    except ValueError as error:
        raise ValueError(f"job {name}: unique: {error}") from None


def _contained(handler: Callable[..., Any]) -> Callable[..., Any]:
    from aeon_jobs.middleware.execution.async_handlers import contained

    return contained(handler)


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
