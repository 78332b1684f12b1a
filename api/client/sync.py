"""The client that waits for its answers. Made from `asynchronous`: python -m aeon_jobs.ops.sync_client"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx
from tenacity import Retrying

from aeon_jobs.api.client import (
    bulk_change_operations,
    dead_letter_operations,
    management_operations,
    messages,
    operations,
    polling,
    workflow_operations,
)
from aeon_jobs.api.client.errors import ApiError, ConnectionFailed, Refused
from aeon_jobs.api.client.event_stream import STREAM_ENDED, EventStream
from aeon_jobs.api.client.operations import Id, Operation
from aeon_jobs.api.client.retrying import Retries
from aeon_jobs.api.contract import Event, Job, JobFilter, Page

P = ParamSpec("P")
T = TypeVar("T")


def _answered(build: Callable[P, Operation[T]]) -> Callable[Concatenate[Client, P], T]:
    """A method that makes the operation and returns its answer."""

    @wraps(build)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(build(*args, **kwargs))

    return method


def _paged(build: Callable[P, Operation[Page[T]]]) -> Callable[Concatenate[Client, P], Iterator[T]]:
    """A method that iterates over the items of all pages, each fetched when it is needed."""

    @wraps(build)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        operation: Operation[Page[T]] | None = build(*args, **kwargs)
        while operation:
            page = self.send(operation)
            yield from page.items
            operation = operations.after(operation, page)

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
        timeout_s: float = messages.TIMEOUT_S,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(**messages.settings(address, key, timeout_s), transport=transport)
        self._timeout_s, self._retries, self._sleep = timeout_s, retries or Retries(), sleep

    @classmethod
    def from_environment(cls, **options: Any) -> Client:
        """Of AEON_JOBS_API and AEON_JOBS_API_KEY (or AEON_JOBS_API_KEY_FILE)."""
        return cls(*messages.from_environment(), **options)

    submit = _answered(operations.submit)
    submit_new = _answered(operations.submit_new)
    submit_many = _answered(operations.submit_many)
    get = _answered(operations.job)
    list = _paged(operations.job_page)
    page = _answered(operations.job_page)
    find = _answered(operations.find)
    change = _answered(operations.change)
    change_many = _answered(operations.change_many)
    cancel = _answered(operations.cancel)
    cancel_many = _answered(operations.cancel_many)
    retry = _answered(operations.retry)
    retry_many = _answered(operations.retry_many)
    requeue = _answered(operations.requeue)
    log_page = _answered(operations.log_page)
    logs = _paged(operations.log_page)
    explain = _answered(operations.explain)
    metrics = _answered(operations.metrics)
    history = _answered(operations.history)

    dead_letters = _paged(dead_letter_operations.dead_letter_page)
    dead_letter_page = _answered(dead_letter_operations.dead_letter_page)
    dead_letter = _answered(dead_letter_operations.dead_letter)
    failure_groups = _answered(dead_letter_operations.failure_groups)
    requeue_dead_letter = _answered(dead_letter_operations.requeue_dead_letter)
    requeue_dead_letters = _answered(dead_letter_operations.requeue_dead_letters)
    discard_dead_letter = _answered(dead_letter_operations.discard_dead_letter)
    discard_dead_letters = _answered(dead_letter_operations.discard_dead_letters)

    start_bulk_change = _answered(bulk_change_operations.start_bulk_change)
    count_bulk_change = _answered(bulk_change_operations.count_bulk_change)
    bulk_changes = _answered(bulk_change_operations.bulk_changes)
    bulk_change = _answered(bulk_change_operations.bulk_change)
    stop_bulk_change = _answered(bulk_change_operations.stop_bulk_change)

    schedules = _answered(management_operations.schedules)
    schedule = _answered(management_operations.schedule)
    upcoming = _answered(management_operations.upcoming)
    preview_schedule = _answered(management_operations.preview_schedule)
    create_schedule = _answered(management_operations.create_schedule)
    change_schedule = _answered(management_operations.change_schedule)
    delete_schedule = _answered(management_operations.delete_schedule)
    run_schedule = _answered(management_operations.run_schedule)
    backfill_schedule = _answered(management_operations.backfill_schedule)
    schedule_runs = _answered(management_operations.schedule_runs)
    workflows = _answered(workflow_operations.workflows)
    workflow = _answered(workflow_operations.workflow)
    workflow_graph = _answered(workflow_operations.workflow_graph)
    create_workflow = _answered(workflow_operations.create_workflow)
    signal_step = _answered(workflow_operations.signal_step)
    close_workflow = _answered(workflow_operations.close_workflow)
    cancel_workflow = _answered(workflow_operations.cancel_workflow)
    retry_workflow = _answered(workflow_operations.retry_workflow)
    queues = _answered(management_operations.queues)
    queue = _answered(management_operations.queue)
    pause_queue = _answered(management_operations.pause_queue)
    resume_queue = _answered(management_operations.resume_queue)
    limit_queue = _answered(management_operations.limit_queue)
    purge_queue = _answered(management_operations.purge_queue)
    delete_queue = _answered(management_operations.delete_queue)
    workers = _answered(management_operations.workers)
    worker = _answered(management_operations.worker)
    acknowledge_worker = _answered(management_operations.acknowledge_worker)
    quiet_worker = _answered(management_operations.quiet_worker)
    resume_worker = _answered(management_operations.resume_worker)
    job_types = _answered(management_operations.job_types)
    job_type = _answered(management_operations.job_type)
    pause_job_type = _answered(management_operations.pause_job_type)
    resume_job_type = _answered(management_operations.resume_job_type)
    limit_job_type = _answered(management_operations.limit_job_type)
    limit_usage = _answered(management_operations.limit_usage)
    api_keys = _answered(management_operations.api_keys)
    create_key = _answered(management_operations.create_key)
    revoke_key = _answered(management_operations.revoke_key)
    me = _answered(management_operations.me)
    system = _answered(management_operations.system)
    archive_status = _answered(management_operations.archive_status)
    run_archive = _answered(management_operations.run_archive)
    audit_page = _answered(management_operations.audit_page)
    audit_log = _paged(management_operations.audit_page)

    def wait(self, job_id: Id, timeout_s: float | None = None) -> Job:
        """The job, once it is over.

        Raises:
            JobNotOver: after `timeout_s`; None waits for ever.
        """
        return self._poll(polling.wait(job_id, timeout_s))

    def events(self, job_id: Id, *, last_event_id: str | None = None) -> Iterator[Event]:
        """The job as it stands, then each change, until it is over; goes on by itself after a broken connection."""
        return self._listen(EventStream.of_job(job_id, last_event_id))

    def all_events(self, which: JobFilter | None = None, *, last_event_id: str | None = None) -> Iterator[Event]:
        """Changes of all jobs that match, from now on, without end."""
        return self._listen(EventStream.of_all(which, last_event_id))

    def send(self, operation: Operation[T]) -> T:
        """Make a operation, again if need be."""
        policy = self._retries.policy(operation)
        answer: T = Retrying(**policy, sleep=self._sleep)(self._send_once, operation)
        return answer

    def _send_once(self, operation: Operation[T]) -> T:
        try:
            response = self._http.request(**messages.arguments(operation, self._timeout_s))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise messages.failure(error) from error
        return messages.answer(operation, response)

    def _poll(self, polling: Generator[Operation[Any], Any, T]) -> T:
        answer: Any = None
        while True:
            try:
                operation = polling.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = self.send(operation)

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
            with self._http.stream(**messages.streaming(stream.request(), self._timeout_s)) as response:
                if not response.is_success:
                    response.read()
                stream.begin(response)
                for line in response.iter_lines():
                    if event := stream.feed(line):
                        yield event
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise messages.failure(error) from error

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
