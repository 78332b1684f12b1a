"""What is shown of the whole system, for as long as it need not be looked at again; looked at by one thread at a time."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.reads import overview

REMEMBER_S = 10.0
MANY, REMEMBER_MANY_S = 50_000, 2.0
"""Counting the jobs that wait takes a millisecond for each few thousand: a backlog is not counted for every look."""


class RememberedActivity:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._until = float("-inf")
        self._log = overview.ActivityLog()
        self._known: overview.Activity | None = None

    def prepare(self) -> None:
        """The first look: at the attempts of a whole day. All others are at the last minutes."""
        # Without PostgreSQL the first request makes it, or tells why it cannot.
        with self._lock, suppress(SQLAlchemyError), self._database.connection() as connection:
            self._log.go_on(connection)

    def get(self) -> overview.Activity:
        """Up to REMEMBER_S seconds old."""
        with self._lock:
            if self._known is None or time.monotonic() > self._until:
                with self._database.connection() as connection:
                    self._log.go_on(connection)
                self._known = self._log.summary()
                self._until = time.monotonic() + REMEMBER_S
            return self._known


class RememberedDepths:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._until = float("-inf")
        self._known: overview.Depths | None = None

    def get(self) -> overview.Depths:
        """As they are now; of a backlog of more than MANY, as they were at most REMEMBER_MANY_S ago."""
        with self._lock:
            if self._known is None or time.monotonic() > self._until:
                with self._database.connection() as connection:
                    self._known = overview.depths(connection)
                is_large = self._known.pending + self._known.failed > MANY
                self._until = time.monotonic() + REMEMBER_MANY_S if is_large else float("-inf")
            return self._known
