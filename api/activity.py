"""The statistics of a day, counted at most every REMEMBER_S seconds, by one thread at a time."""

from __future__ import annotations

import threading
import time

from persistence import overview
from persistence.database import Database

REMEMBER_S = 10.0


class RememberedActivity:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._counted_at = float("-inf")
        self._known: overview.Activity | None = None

    def get(self) -> overview.Activity:
        """Up to REMEMBER_S seconds old: the attempts of a day cost too much to be counted for every look."""
        with self._lock:
            if self._known is None or time.monotonic() - self._counted_at > REMEMBER_S:
                with self._database.connection() as connection:
                    self._known = overview.activity(connection)
                self._counted_at = time.monotonic()
            return self._known
