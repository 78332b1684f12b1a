"""What the `job` decorator makes: actors whose messages are rows.

A call of one is, in a worker, the attempt of the job that runs; everywhere else a plain call of the function.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, Unpack, cast
from uuid import UUID

import dramatiq
from dramatiq import Message

from aeon_jobs.middleware.execution.definitions import Definition
from aeon_jobs.middleware.execution.running import active_job
from aeon_jobs.middleware.transport.messages import JobMessage
from aeon_jobs.middleware.transport.options import JobOptions, refuse_unknown
from aeon_jobs.middleware.transport.outgoing import Arguments

if TYPE_CHECKING:
    from aeon_jobs.middleware.transport.broker import JobBroker

P = ParamSpec("P")
R = TypeVar("R")


class JobActor(dramatiq.Actor[P, R], Generic[P, R]):
    """A job type: `send` submits a job of it."""

    broker: JobBroker
    options: ActorOptions[P, R]

    def __init__(self, *args: Any, options: dict[str, Any], **others: Any) -> None:
        super().__init__(*args, options=ActorOptions(self, options), **others)

    @property
    def definition(self) -> Definition:
        definition: Definition = self.options["definition"]
        return definition

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """In a worker: run the handler for the current job. Elsewhere: check the arguments and call it.

        Raises:
            InvalidJob: the arguments do not fit; in a worker InvalidPayload.
        """
        if self._attempt(kwargs):
            # The record carries the result; returned to dramatiq, it would only be complained about.
            return None  # type: ignore[return-value]
        handler: Callable[..., R] = self.definition.handler
        return handler(**self._arguments(args, kwargs))

    def message(self, *args: P.args, **kwargs: P.kwargs) -> JobMessage[R]:
        """A message to send later, with `send_many`."""
        return self._message(args, kwargs, {})

    def job(self, *args: P.args, **kwargs: P.kwargs) -> JobMessage[R]:
        """A step for a workflow: the same as `message`."""
        return self._message(args, kwargs, {})

    def message_with_options(  # type: ignore[override]
        self, *, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None, **options: Unpack[JobOptions]
    ) -> JobMessage[R]:
        refuse_unknown(options)
        return self._message(args, kwargs or {}, options)

    def send(self, *args: P.args, **kwargs: P.kwargs) -> JobMessage[R]:
        """Submit a job; what is returned has its id and gets its result.

        Raises:
            InvalidJob: names every argument at fault. Nothing was stored.
        """
        return self._send(self._message(args, kwargs, {}))

    def send_with_options(  # type: ignore[override]
        self, *, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None, **options: Unpack[JobOptions]
    ) -> JobMessage[R]:
        """As in any dramatiq program; `options(…).send(…)` does the same, and has its arguments checked by type checkers.

        Raises:
            InvalidJob: names every argument and option at fault. Nothing was stored.
            IdempotencyConflict: the key belongs to a job with another payload.
        """
        return self._send(self.message_with_options(args=args, kwargs=kwargs, **options))

    async def send_async(self, *args: P.args, **kwargs: P.kwargs) -> JobMessage[R]:
        """As `send`, for asynchronous code: the event loop goes on meanwhile."""
        return await self._send_async(self._message(args, kwargs, {}))

    def send_many(self, jobs: Iterable[Arguments | Message[Any]]) -> list[UUID]:
        """Submit many jobs, all or none; returns their ids in the same order.

        Each is a dict of named arguments, a tuple of positional ones, or a message built before, of any job type. They are
        read, checked and stored some at a time, in one transaction: a generator of a million needs little memory.

        Raises:
            InvalidJob: its fields are prefixed with the place, e.g. ``jobs[17].payload.to``. Nothing was stored.
            IdempotencyConflict: a key belongs to a job with another payload.
        """
        return self.options().send_many(jobs)

    async def send_many_async(self, jobs: Iterable[Arguments | Message[Any]]) -> list[UUID]:
        """As `send_many`, for asynchronous code. Without a session the jobs are read and stored in another thread."""
        return await self.options().send_many_async(jobs)

    def _attempt(self, payload: Mapping[str, Any]) -> bool:
        """Run the attempt if this call is the worker's."""
        running = active_job()
        if running is None or not running.begin(self.actor_name):
            return False
        # Only workers need what it imports.
        from aeon_jobs.middleware.execution.attempt import run_attempt

        run_attempt(self.definition, self.fn, running, payload)
        return True

    def _arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return self.definition.arguments(self.definition.payload(args, kwargs))

    def _message(self, args: tuple[Any, ...], kwargs: dict[str, Any], options: Mapping[str, Any]) -> JobMessage[R]:
        return JobMessage(self.queue_name, self.actor_name, args, kwargs, dict(options))

    def _send(self, message: JobMessage[R]) -> JobMessage[R]:
        return cast(JobMessage[R], self.broker.enqueue(message))

    async def _send_async(self, message: JobMessage[R]) -> JobMessage[R]:
        session: Any = message.options.get("session")
        if hasattr(session, "run_sync"):
            sent: JobMessage[R] = await session.run_sync(lambda sync: self._send(_with_session(message, sync)))
            return sent
        # A session of the sync kind belongs to the thread that made it.
        return self._send(message) if session is not None else await asyncio.to_thread(self._send, message)


class AsyncJobActor(JobActor[P, R], Generic[P, R]):
    """A job type whose handler is an `async def`."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:  # type: ignore[override]
        """In a worker: run the handler for the current job. Elsewhere what a call of any async function is: a coroutine, for
        `await` in asynchronous code, and for `asyncio.run` in other code.

        Raises:
            InvalidJob: the arguments do not fit; in a worker InvalidPayload.
        """
        if self._attempt(kwargs):
            return None  # type: ignore[return-value]
        handler: Callable[..., Coroutine[Any, Any, R]] = self.definition.handler
        return handler(**self._arguments(args, kwargs))


class ActorOptions(dict[str, Any], Generic[P, R]):
    """dramatiq's options of an actor; called, it takes options for what is sent: `report.options(priority=90).send(…)`."""

    def __init__(self, actor: JobActor[P, R], options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._actor = actor

    def __call__(self, **options: Unpack[JobOptions]) -> Sending[P, R]:
        """
        Raises:
            InvalidJob: there is no such option; names the one that was probably meant.
        """
        refuse_unknown(options)
        return Sending(self._actor, options)


class Sending(Generic[P, R]):
    """A job type with options for the jobs that are sent through it."""

    def __init__(self, actor: JobActor[P, R], options: JobOptions) -> None:
        self._actor = actor
        self._options = cast("dict[str, Any]", options)

    def message(self, *args: P.args, **kwargs: P.kwargs) -> JobMessage[R]:
        """A message to send later, with `send_many`."""
        return self._actor._message(args, kwargs, self._options)

    def job(self, *args: P.args, **kwargs: P.kwargs) -> JobMessage[R]:
        """A step for a workflow: the same as `message`."""
        return self.message(*args, **kwargs)

    def send(self, *args: P.args, **kwargs: P.kwargs) -> JobMessage[R]:
        """As `JobActor.send`."""
        return self._actor._send(self.message(*args, **kwargs))

    async def send_async(self, *args: P.args, **kwargs: P.kwargs) -> JobMessage[R]:
        """As `JobActor.send_async`."""
        return await self._actor._send_async(self.message(*args, **kwargs))

    def send_many(self, jobs: Iterable[Arguments | Message[Any]]) -> list[UUID]:
        """As `JobActor.send_many`. Options of a message come before these."""
        return self._send_many(jobs, self._options)

    async def send_many_async(self, jobs: Iterable[Arguments | Message[Any]]) -> list[UUID]:
        """As `JobActor.send_many_async`."""
        session: Any = self._options.get("session")
        if hasattr(session, "run_sync"):
            ids: list[UUID] = await session.run_sync(
                lambda sync: self._send_many(jobs, {**self._options, "session": sync})
            )
            return ids
        if session is not None:
            return self._send_many(jobs, self._options)
        return await asyncio.to_thread(self._send_many, jobs, self._options)

    def _send_many(self, jobs: Iterable[Arguments | Message[Any]], options: Mapping[str, Any]) -> list[UUID]:
        return self._actor.broker.enqueue_many(self._actor.definition, jobs, options)


def _with_session(message: JobMessage[R], session: Any) -> JobMessage[R]:
    return cast(JobMessage[R], message.copy(options={"session": session}))
