"""Two transactions at the same time, in a chosen order.

with first.transaction() as connection:
    change(connection)
    with rival(database, lambda other: verb(other)) as second:
        second.waits()          # returns when it waits for a lock in PostgreSQL
        connection.commit()     # … or rollback
        answer = second.answer()
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import Database
from tests.rows import rows, value
from tests.waiting import wait_for

T = TypeVar("T")
TIMEOUT_S = 10


class Rival(Generic[T]):
    """Work in its own transaction, connection and thread."""

    def __init__(self, database: Database, work: Callable[[Connection], T], pool: ThreadPoolExecutor) -> None:
        self._database = database
        self._pid: Future[int] = Future()
        self._done = pool.submit(self._run, work)

    def _run(self, work: Callable[[Connection], T]) -> T:
        with self._database.transaction() as connection:
            self._pid.set_result(value(connection, "SELECT pg_backend_pid()"))
            return work(connection)

    def waits(self) -> None:
        """Return when the rival waits for a lock."""
        pid = self._pid.result(TIMEOUT_S)

        def blocked() -> bool:
            if self._done.done():
                raise AssertionError(f"the rival did not wait: {self._done.result()}")
            return bool(value(self._database, "SELECT cardinality(pg_blocking_pids(:pid)) > 0", pid=pid))

        wait_for(blocked, "the rival waits for a lock", TIMEOUT_S)

    def answer(self) -> T:
        """The result of the work, after its transaction; raises what the work raised."""
        return self._done.result(TIMEOUT_S)

    def end(self) -> None:
        """End its connection. After a failure, the test may still hold the lock that the rival waits for."""
        if not self._done.done():
            rows(self._database, "SELECT pg_terminate_backend(:pid)", pid=self._pid.result(TIMEOUT_S))


@contextmanager
def rival(database: Database, work: Callable[[Connection], T]) -> Iterator[Rival[T]]:
    with ThreadPoolExecutor(1) as pool:
        other = Rival(database, work, pool)
        try:
            yield other
        except BaseException:
            other.end()
            raise


def at_once(database: Database, works: Sequence[Callable[[Connection], Any]]) -> list[Any]:
    """Run all at the same moment, each on its own connection; their results or errors, in order."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[Connection], Any]) -> Any:
        with database.connection() as connection:
            rows(connection, "SELECT 1")
            barrier.wait(TIMEOUT_S)
            try:
                return work(connection)
            except Exception as error:
                return error

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
