"""Claims and records of a worker process: many with one statement, with retries while PostgreSQL is down.

A claim waits a while and then gives up: the dispatcher finds the dispatch again. A record waits until PostgreSQL answers:
the work is done, and no other process can take the job meanwhile.

If another transaction has locked a job's row, the other jobs of the statement do not wait for it. Its claim is given up; its
record is made alone, as soon as that is possible.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from itertools import count
from threading import Event
from typing import TypeVar
from uuid import UUID

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_delay,
    stop_never,
    stop_when_event_set,
    wait_random_exponential,
)
from tenacity.stop import stop_base

from aeon_jobs.middleware.execution.outbox import HELD_PAUSE_S, Outbox, Won
from aeon_jobs.persistence.core.database import Database, is_transient
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import executions
from aeon_jobs.persistence.queue.executions import Claimed, Ended

CLAIM_TIMEOUT_S = 10
UNCLAIM_TIMEOUT_S = 5
LOCK_TIMEOUT_MS = 2_000
"""Longer than PostgreSQL takes to find a deadlock."""
PAUSE_S = 0.05
"""Longest time before the second try."""
SHARDS = 16

_log = structlog.get_logger(__name__)
T = TypeVar("T")


class Recorder:
    def __init__(self, database: Database, settings: Settings) -> None:
        self.worker_id = ""
        """Whose claims and records these are; known when the process has booted."""
        self.gave_up = Event()
        """Set when the process must end now: records stop waiting for the database."""
        self._database = database
        self._settings = settings
        self._held: set[tuple[UUID, int]] = set()
        """(job id, attempt) of what was claimed and not recorded yet."""
        self.outbox = Outbox(self._record)

    def post(self, ended: Ended, then: Callable[[Won], None]) -> None:
        """Record an attempt's end soon, and call `then` with the answer of `record`; with None if it cannot be recorded."""

        def settled(won: Won) -> None:
            self._held.discard((ended.job_id, ended.attempt))
            then(won)

        self.outbox.put(ended, settled)

    def record(self, ended: Ended) -> bool:
        """Record an attempt's end now. False: the job had been taken away; the outcome is kept as superseded."""
        try:
            while (won := self._record([ended])[0]) is None:
                self.gave_up.wait(HELD_PAUSE_S)
        finally:
            self._held.discard((ended.job_id, ended.attempt))
        return won

    def record_in(self, connection: Connection, ended: Ended) -> bool:
        """Record in a transaction of the handler's: its commit is the record's. False: the job had been taken away."""
        return executions.complete(connection, ended, worker_id=self.worker_id, shard=self._shard)

    @property
    def unrecorded(self) -> int:
        """How many attempts were claimed and are not recorded yet."""
        return len(self._held)

    @property
    def _shard(self) -> int:
        return zlib.crc32(self.worker_id.encode()) % SHARDS

    def claim(self, dispatches: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], Claimed]:
        """Claim dispatches (job id, dispatch_seq). One that is missing from the answer is another worker's, or was cancelled.

        Raises:
            DBAPIError: PostgreSQL did not answer within CLAIM_TIMEOUT_S.
        """
        tries = count()

        def statement(connection: Connection) -> dict[tuple[UUID, int], Claimed]:
            is_repeated = next(tries) > 0
            lease_ms = self._settings.worker_lock_duration
            held_up = executions.held(connection, [id_ for id_, _ in dispatches]) if is_repeated else set()
            free = [dispatch for dispatch in dispatches if dispatch[0] not in held_up]
            answer = executions.claim(connection, free, worker_id=self.worker_id, lease_ms=lease_ms)
            if is_repeated:
                # The first try may have been heard, and its reply lost. What a thread of ours has is not meant, nor what it
                # records meanwhile: so the look at what we have comes first.
                held = set(self._held)
                before = executions.claimed_before(connection, dispatches, worker_id=self.worker_id)
                answer |= {key: job for key, job in before.items() if (job.id, job.attempt) not in held}
            return answer

        claimed = self._with_retries(statement, stop_after_delay(CLAIM_TIMEOUT_S))
        self._held.update((job.id, job.attempt) for job in claimed.values())
        return claimed

    def unclaim(self, claimed: Sequence[Claimed]) -> None:
        """Undo claims of jobs that were not begun.

        Raises:
            DBAPIError: PostgreSQL did not answer within UNCLAIM_TIMEOUT_S.
        """
        self._with_retries(
            lambda connection: executions.unclaim(connection, claimed), stop_after_delay(UNCLAIM_TIMEOUT_S)
        )

    def forget(self, claimed: Claimed) -> None:
        """The process does not have this job any more, and will not record it."""
        self._held.discard((claimed.id, claimed.attempt))

    def _record(self, ended: list[Ended]) -> list[bool | None]:
        """None: the job's row is locked."""
        tries = count()

        def statement(connection: Connection) -> dict[tuple[UUID, int], bool]:
            held_up = executions.held(connection, [entry.job_id for entry in ended]) if next(tries) else set()
            return self._record_on(connection, [entry for entry in ended if entry.job_id not in held_up])

        try:
            won = self._with_retries(statement, stop_never)
        except DBAPIError:
            if len(ended) == 1:
                raise
            # One row that PostgreSQL refuses must not sink the others.
            return [self._record_alone(entry) for entry in ended]
        return [won.get((entry.job_id, entry.attempt)) for entry in ended]

    def _record_alone(self, ended: Ended) -> bool | None:
        try:
            return self._record([ended])[0]
        except DBAPIError as error:
            _log.error("PostgreSQL refuses an outcome", job_id=str(ended.job_id), error=str(error).splitlines()[0])
            return False

    def _record_on(self, connection: Connection, ended: list[Ended]) -> dict[tuple[UUID, int], bool]:
        return executions.record(
            connection,
            ended,
            worker_id=self.worker_id,
            shard=self._shard,
            dlq_enabled=self._settings.job_dlq_enabled,
        )

    def _with_retries(self, statement: Callable[[Connection], T], stop: stop_base) -> T:
        try:
            return self._on_connection(statement)
        except Exception as error:
            if not is_transient(error) or self.gave_up.wait(random.uniform(0, PAUSE_S)):
                raise
        for attempt in Retrying(
            retry=retry_if_exception(is_transient),
            wait=wait_random_exponential(multiplier=2 * PAUSE_S, max=1),
            stop=stop | stop_when_event_set(self.gave_up),
            before_sleep=_say_once,
            reraise=True,
        ):
            with attempt:
                return self._on_connection(statement)
        raise AssertionError("unreachable")

    def _on_connection(self, statement: Callable[[Connection], T]) -> T:
        with self._database.connection() as connection:
            return statement(connection.execution_options(job_lock_ms=LOCK_TIMEOUT_MS))


def _say_once(state: RetryCallState) -> None:
    if state.attempt_number == 1 and state.outcome:
        error = str(state.outcome.exception()).splitlines()[0]
        _log.warning("PostgreSQL does not answer; waiting", error=error)
