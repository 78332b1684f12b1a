"""The client for asyncio: the twin of `sync`, every method of which is here, to be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx
from tenacity import AsyncRetrying

from aeon_jobs.api.client import calls, conversations, dead_letter_calls, exchange, management_calls
from aeon_jobs.api.client.calls import Call, Id
from aeon_jobs.api.client.errors import ApiError, ConnectionFailed, Refused
from aeon_jobs.api.client.event_stream import STREAM_ENDED, EventStream
from aeon_jobs.api.client.retrying import Retries
from aeon_jobs.api.contract import Event, Job, JobFilter, Page

P = ParamSpec("P")
T = TypeVar("T")


def _answered(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncClient, P], Awaitable[T]]:
    """A coroutine method that makes the call and returns its answer."""

    @wraps(build)
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(build(*args, **kwargs))

    return method


def _paged(build: Callable[P, Call[Page[T]]]) -> Callable[Concatenate[AsyncClient, P], AsyncIterator[T]]:
    """A method that iterates over the items of all pages, each fetched when it is needed."""

    @wraps(build)
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        call: Call[Page[T]] | None = build(*args, **kwargs)
        while call:
            page = await self.send(call)
            for item in page.items:
                yield item
            call = calls.after(call, page)

    return method


class AsyncClient:
    """An aeon-jobs API. Belongs to one event loop; close it, or use it in an `async with`.

    Args:
        address: such as ``https://jobs.example.com``.
        key: an API key; it is sent to that host alone, and shown nowhere.
        timeout_s: how long connecting, and each answer, may take.
        retries: when a request is sent again.
        transport: of httpx, for proxies and tests.

    Raises (every method): the errors of `api.client.errors`.
    """

    def __init__(
        self,
        address: str,
        key: str | None = None,
        *,
        timeout_s: float = exchange.TIMEOUT_S,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = httpx.AsyncClient(**exchange.settings(address, key, timeout_s), transport=transport)
        self._timeout_s, self._retries, self._sleep = timeout_s, retries or Retries(), sleep

    @classmethod
    def from_environment(cls, **options: Any) -> AsyncClient:
        """Of AEON_JOBS_API and AEON_JOBS_API_KEY (or AEON_JOBS_API_KEY_FILE)."""
        return cls(*exchange.from_environment(), **options)

    submit = _answered(calls.submit)
    submit_new = _answered(calls.submit_new)
    submit_many = _answered(calls.submit_many)
    get = _answered(calls.job)
    list = _paged(calls.job_page)
    page = _answered(calls.job_page)
    find = _answered(calls.find)
    change = _answered(calls.change)
    change_many = _answered(calls.change_many)
    cancel = _answered(calls.cancel)
    cancel_many = _answered(calls.cancel_many)
    retry = _answered(calls.retry)
    retry_many = _answered(calls.retry_many)
    requeue = _answered(calls.requeue)
    explain = _answered(calls.explain)
    metrics = _answered(calls.metrics)

    dead_letters = _paged(dead_letter_calls.dead_letter_page)
    dead_letter_page = _answered(dead_letter_calls.dead_letter_page)
    dead_letter = _answered(dead_letter_calls.dead_letter)
    dead_letter_causes = _answered(dead_letter_calls.dead_letter_causes)
    requeue_dead_letter = _answered(dead_letter_calls.requeue_dead_letter)
    requeue_dead_letters = _answered(dead_letter_calls.requeue_dead_letters)
    discard_dead_letter = _answered(dead_letter_calls.discard_dead_letter)
    discard_dead_letters = _answered(dead_letter_calls.discard_dead_letters)

    schedules = _answered(management_calls.schedules)
    schedule = _answered(management_calls.schedule)
    upcoming = _answered(management_calls.upcoming)
    create_schedule = _answered(management_calls.create_schedule)
    change_schedule = _answered(management_calls.change_schedule)
    delete_schedule = _answered(management_calls.delete_schedule)
    run_schedule = _answered(management_calls.run_schedule)
    queues = _answered(management_calls.queues)
    queue = _answered(management_calls.queue)
    pause_queue = _answered(management_calls.pause_queue)
    resume_queue = _answered(management_calls.resume_queue)
    limit_queue = _answered(management_calls.limit_queue)
    purge_queue = _answered(management_calls.purge_queue)
    delete_queue = _answered(management_calls.delete_queue)
    workers = _answered(management_calls.workers)
    worker = _answered(management_calls.worker)
    acknowledge_worker = _answered(management_calls.acknowledge_worker)
    quiet_worker = _answered(management_calls.quiet_worker)
    resume_worker = _answered(management_calls.resume_worker)
    job_types = _answered(management_calls.job_types)
    job_type = _answered(management_calls.job_type)
    api_keys = _answered(management_calls.api_keys)
    create_key = _answered(management_calls.create_key)
    revoke_key = _answered(management_calls.revoke_key)
    me = _answered(management_calls.me)
    audit_page = _answered(management_calls.audit_page)
    audit_log = _paged(management_calls.audit_page)

    async def wait(self, job_id: Id, timeout_s: float | None = None) -> Job:
        """The job, once it is over.

        Raises:
            JobNotOver: after `timeout_s`; None waits for ever.
        """
        return await self._converse(conversations.wait(job_id, timeout_s))

    def events(self, job_id: Id, *, last_event_id: str | None = None) -> AsyncIterator[Event]:
        """The job as it stands, then each change, until it is over; goes on by itself after a broken connection."""
        return self._listen(EventStream.of_job(job_id, last_event_id))

    def all_events(self, which: JobFilter | None = None, *, last_event_id: str | None = None) -> AsyncIterator[Event]:
        """Changes of all jobs that match, from now on, without end."""
        return self._listen(EventStream.of_all(which, last_event_id))

    async def send(self, call: Call[T]) -> T:
        """Make a call, again if need be."""
        policy = self._retries.policy(call)
        answer: T = await AsyncRetrying(**policy, sleep=self._sleep)(self._send_once, call)
        return answer

    async def _send_once(self, call: Call[T]) -> T:
        try:
            response = await self._http.request(**exchange.arguments(call, self._timeout_s))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise exchange.failure(error) from error
        return exchange.answer(call, response)

    async def _converse(self, conversation: Generator[Call[Any], Any, T]) -> T:
        answer: Any = None
        while True:
            try:
                call = conversation.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = await self.send(call)

    async def _listen(self, stream: EventStream) -> AsyncIterator[Event]:
        while not stream.is_over:
            failure: ApiError = STREAM_ENDED
            try:
                async for event in self._connection(stream):
                    yield event
            except (ConnectionFailed, Refused) as error:
                failure = error
            if not stream.is_over:
                await self._sleep(self._retries.pause_before_listening(stream.failures, failure))

    async def _connection(self, stream: EventStream) -> AsyncIterator[Event]:
        """Events until the connection ends or breaks."""
        try:
            async with self._http.stream(**exchange.streaming(stream.request(), self._timeout_s)) as response:
                if not response.is_success:
                    await response.aread()
                stream.begin(response)
                async for line in response.aiter_lines():
                    if event := stream.feed(line):
                        yield event
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise exchange.failure(error) from error

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
