"""Live news of jobs. One watcher per process asks PostgreSQL for all the jobs that anybody here waits for.

    GET /api/jobs/{id}?wait=30      answers when the job is over, or after 30 s
    GET /api/jobs/{id}/events       server-sent events until the job is over
    GET /api/events                 server-sent events of all jobs that match

Events carry an id; a client that comes back with Last-Event-ID gets what it missed. At shutdown every stream ends, so
that the server need not wait for its clients.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any
from uuid import UUID

import structlog
from litestar import Request
from litestar.concurrency import sync_to_thread
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.api.http.errors import Problem, ProblemError
from aeon_jobs.api.http.intake.release import at_end
from aeon_jobs.api.service.core.principals import Principal
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import JobNotFound
from aeon_jobs.persistence.reads import changes
from aeon_jobs.persistence.reads.changes import Change

LOOK_EVERY_S = 0.2
MOST_LISTENERS = 200
"""Of all events: each asks PostgreSQL for itself."""
HEARTBEAT_S = 15.0
_log = structlog.get_logger("api")


class Streams:
    """Lives in the event loop of one process."""

    def __init__(self, database: Database, most_of_one: int) -> None:
        """`most_of_one`: how many streams and long polls one caller may have open."""
        self._database, self._most_of_one = database, most_of_one
        self._open: Counter[str] = Counter()
        self._watching: dict[UUID, set[asyncio.Queue[Change | None]]] = defaultdict(set)
        self._watcher: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()
        self._listeners = 0

    def open(self, request: Request[Principal, Any, Any]) -> None:
        """Count a stream or long poll of its caller, until the request is over.

        Raises:
            ProblemError: 429, the caller has as many open as it may have.
        """
        caller = request.user.key_id or request.user.name
        if self._open[caller] >= self._most_of_one:
            detail = f"this key has {self._most_of_one} streams and long polls open here; close some first"
            raise ProblemError(Problem("too-many-requests", 429, detail, headers={"Retry-After": "5"}))
        self._open[caller] += 1
        at_end(request.scope, lambda: self._close(caller))

    def _close(self, caller: str) -> None:
        self._open[caller] -= 1
        if not self._open[caller]:
            del self._open[caller]

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A listener to all events."""
        self._listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1

    @property
    def is_full(self) -> bool:
        return self._listeners >= MOST_LISTENERS

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    def close(self) -> None:
        """End every stream."""
        self._closed.set()
        for queues in self._watching.values():
            for queue in queues:
                queue.put_nowait(None)

    async def pause(self, seconds: float) -> None:
        """Sleep, unless everything ends."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), seconds)

    async def state_of(self, job_id: UUID) -> Change:
        """How a job stands.

        Raises:
            JobNotFound
        """
        found = await sync_to_thread(self._look, [job_id])
        if job_id not in found:
            raise JobNotFound(job_id)
        return found[job_id]

    async def changes_of(self, job_id: UUID, quiet_s: float = HEARTBEAT_S) -> AsyncIterator[Change | None]:
        """The job as it stands, then after each change. None after `quiet_s` without one; ends when everything ends."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue()
        self._watching[job_id].add(queue)
        self._start()
        try:
            while not self.is_closed:
                try:
                    yield await asyncio.wait_for(queue.get(), quiet_s)
                except TimeoutError:
                    yield None
        finally:
            self._watching[job_id].discard(queue)
            if not self._watching[job_id]:
                del self._watching[job_id]

    async def stop(self) -> None:
        self.close()
        if self._watcher:
            await self._watcher

    def _start(self) -> None:
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        """Runs while somebody waits."""
        told: dict[asyncio.Queue[Change | None], Change] = {}
        while self._watching and not self.is_closed:
            try:
                states = await sync_to_thread(self._look, list(self._watching))
            except SQLAlchemyError:
                # Streams outlive a restart of PostgreSQL; what changed meanwhile is seen afterwards.
                _log.warning("cannot look for changes", exc_info=True)
                states = {}
            for job_id, queues in self._watching.items():
                for queue in queues if job_id in states else ():
                    if told.get(queue) != states[job_id]:
                        told[queue] = states[job_id]
                        queue.put_nowait(states[job_id])
            waiting = {queue for queues in self._watching.values() for queue in queues}
            told = {queue: change for queue, change in told.items() if queue in waiting}
            await self.pause(LOOK_EVERY_S)

    def _look(self, ids: list[UUID]) -> dict[UUID, Change]:
        with self._database.connection() as connection:
            return changes.of_jobs(connection, ids)


@contextmanager
def closed_by_signals(close: Callable[[], None]) -> Iterator[None]:
    """Call `close` in the event loop as soon as the process is told to stop.

    uvicorn waits for open responses before it tells the application anything: a stream would hold it until the client
    goes away.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(close)
        if callable(before[number]):
            before[number](number, frame)

    installed = {number for number, handler in before.items() if callable(handler)}
    for number in installed:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in installed:
            signal.signal(number, before[number])
