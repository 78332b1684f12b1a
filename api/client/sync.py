"""The client that waits for its answers. `asynchronous` is its twin: every method is there, to be awaited."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx
from tenacity import Retrying

from aeon_jobs.api.client import calls, conversations, dead_letter_calls, exchange, management_calls
from aeon_jobs.api.client.calls import Call, Id
from aeon_jobs.api.client.errors import ApiError, ConnectionFailed, Refused
from aeon_jobs.api.client.event_stream import STREAM_ENDED, EventStream
from aeon_jobs.api.client.retrying import Retries
from aeon_jobs.api.contract import Event, Job, JobFilter, Page

P = ParamSpec("P")
T = TypeVar("T")


def _answered(build: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    """A method that makes the call and returns its answer."""

    @wraps(build)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(build(*args, **kwargs))

    return method


def _paged(build: Callable[P, Call[Page[T]]]) -> Callable[Concatenate[Client, P], Iterator[T]]:
    """A method that iterates over the items of all pages, each fetched when it is needed."""

    @wraps(build)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        call: Call[Page[T]] | None = build(*args, **kwargs)
        while call:
            page = self.send(call)
            yield from page.items
            call = calls.after(call, page)

    return method


class Client:
    """An aeon-jobs API. May be shared by threads; close it, or use it in a `with`.

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
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(**exchange.settings(address, key, timeout_s), transport=transport)
        self._timeout_s, self._retries, self._sleep = timeout_s, retries or Retries(), sleep

    @classmethod
    def from_environment(cls, **options: Any) -> Client:
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

    def wait(self, job_id: Id, timeout_s: float | None = None) -> Job:
        """The job, once it is over.

        Raises:
            JobNotOver: after `timeout_s`; None waits for ever.
        """
        return self._converse(conversations.wait(job_id, timeout_s))

    def events(self, job_id: Id, *, last_event_id: str | None = None) -> Iterator[Event]:
        """The job as it stands, then each change, until it is over; goes on by itself after a broken connection."""
        return self._listen(EventStream.of_job(job_id, last_event_id))

    def all_events(self, which: JobFilter | None = None, *, last_event_id: str | None = None) -> Iterator[Event]:
        """Changes of all jobs that match, from now on, without end."""
        return self._listen(EventStream.of_all(which, last_event_id))

    def send(self, call: Call[T]) -> T:
        """Make a call, again if need be."""
        policy = self._retries.policy(call)
        answer: T = Retrying(**policy, sleep=self._sleep)(self._send_once, call)
        return answer

    def _send_once(self, call: Call[T]) -> T:
        try:
            response = self._http.request(**exchange.arguments(call, self._timeout_s))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise exchange.failure(error) from error
        return exchange.answer(call, response)

    def _converse(self, conversation: Generator[Call[Any], Any, T]) -> T:
        answer: Any = None
        while True:
            try:
                call = conversation.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = self.send(call)

    def _listen(self, stream: EventStream) -> Iterator[Event]:
        while not stream.is_over:
            failure: ApiError = STREAM_ENDED
            try:
                yield from self._connection(stream)
            except (ConnectionFailed, Refused) as error:
                failure = error
            if not stream.is_over:
                self._sleep(self._retries.pause_before_listening(stream.failures, failure))

    def _connection(self, stream: EventStream) -> Iterator[Event]:
        """Events until the connection ends or breaks."""
        try:
            with self._http.stream(**exchange.streaming(stream.request(), self._timeout_s)) as response:
                if not response.is_success:
                    response.read()
                stream.begin(response)
                for line in response.iter_lines():
                    if event := stream.feed(line):
                        yield event
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise exchange.failure(error) from error

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
