"""Outcomes on their way to PostgreSQL: a thread leaves the outcome of its handler here, and takes the next job.

One thread of the process commits what gathered while its last commit was away. An idle process commits at once; under load
it waits a moment until there are as many as threads, so that a commit has many outcomes.

There is room for fewer outcomes than the process has threads. When more are not recorded, as soon after PostgreSQL went away,
each thread waits with the outcome that it left. So a process that is killed leaves less than two handlers for each thread that
ended and run again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event, Lock, Thread

from aeon_jobs.persistence.core.logs import Logger
from aeon_jobs.persistence.queue.executions import Ended

BATCH = 64
"""Most outcomes of one commit."""
LINGER_S = 0.004
HELD_PAUSE_S = 1.0

Won = bool | None
"""Whether the outcome counts; None: it could not be recorded."""

_log = Logger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    ended: Ended
    then: Callable[[Won], None]
    not_before: float = field(default=0.0, compare=False)


class Outbox:
    def __init__(self, commit: Callable[[list[Ended]], Sequence[Won]]) -> None:
        """`commit` answers each outcome, in order; None: another transaction has locked its job."""
        self._commit = commit
        self._lock = Lock()
        self._entries: deque[_Entry] = deque()
        self._held_up: list[_Entry] = []
        self._count = 0
        self._filled, self._enough, self._empty = Event(), Event(), Event()
        self._empty.set()
        self._is_busy = self._is_closing = False
        self._thread: Thread | None = None

    def open(self, threads: int, after: Callable[[], None] = lambda: None) -> None:
        """Take outcomes from so many threads. `after` is called when those of a commit are settled."""
        self._threads, self._after, self._is_closing = threads, after, False
        # As a semaphore, which takes ten times as long.
        self._free = SimpleQueue[None]()
        for _ in range(threads - 1):
            self._free.put(None)
        self._thread = Thread(target=self._run, name="aeon-outbox", daemon=True)
        self._thread.start()

    def put(self, ended: Ended, then: Callable[[Won], None]) -> None:
        """Record an outcome soon, and call `then` in another thread. Waits until there is room for it."""
        with self._lock:
            self._entries.append(_Entry(ended, then))
            self._count += 1
            waiting = len(self._entries)
            self._empty.clear()
        if waiting == 1:
            self._filled.set()
        if waiting >= self._threads:
            self._enough.set()
        # Not before it is in the batch: the next commit takes along what threads wait with.
        self._free.get()

    def flush(self, timeout_s: float) -> bool:
        """Wait until all is recorded. False: it is not, after `timeout_s`."""
        return self._empty.wait(timeout_s)

    def close(self) -> None:
        """Record what is there, once more, and end."""
        self._is_closing = True
        self._filled.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not (self._is_closing and not self._entries and not self._held_up):
            self._filled.wait(HELD_PAUSE_S if self._held_up else None)
            if self._is_busy and not self._is_closing:
                self._enough.wait(LINGER_S)
            self._filled.clear()
            self._enough.clear()
            batch = self._take()
            self._is_busy = len(batch) > 1
            if batch:
                self._record(batch)

    def _take(self) -> list[_Entry]:
        now = time.monotonic()
        with self._lock:
            due = [entry for entry in self._held_up if entry.not_before <= now or self._is_closing]
            self._held_up = [entry for entry in self._held_up if entry not in due]
            batch = due + [self._entries.popleft() for _ in range(min(BATCH, len(self._entries)))]
            if self._entries:
                self._filled.set()
        return batch

    def _record(self, batch: list[_Entry]) -> None:
        try:
            answers = list(zip(batch, self._commit([entry.ended for entry in batch]), strict=True))
        except Exception:  # noqa: BLE001 (logged with its consequence; the others go on)
            _log.exception("outcomes not recorded: the jobs will run again when their leases end", jobs=len(batch))
            self._settle([(entry, None) for entry in batch])
            return
        locked = [entry for entry, won in answers if won is None and not self._is_closing]
        self._held_up += [_Entry(entry.ended, entry.then, time.monotonic() + HELD_PAUSE_S) for entry in locked]
        self._settle([(entry, won) for entry, won in answers if entry not in locked])

    def _settle(self, answers: Sequence[tuple[_Entry, Won]]) -> None:
        for entry, won in answers:
            try:
                entry.then(won)
            except Exception:  # noqa: BLE001 (logged; the outbox must go on for the others)
                _log.exception("the end of an attempt was not noticed", job_id=str(entry.ended.job_id))
            self._free.put(None)
        self._after()
        with self._lock:
            self._count -= len(answers)
            if not self._count:
                self._empty.set()
