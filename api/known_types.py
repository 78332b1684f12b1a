"""Job types by name, remembered for a moment: every submission is held against one, and they hardly ever change."""

from __future__ import annotations

import time

from sqlalchemy import Connection

from aeon_jobs.persistence.core.models import JobType
from aeon_jobs.persistence.queue import job_types

REMEMBER_S = 1.0
_MOST_REMEMBERED = 10_000


class KnownTypes:
    def __init__(self) -> None:
        self._known: dict[str, tuple[JobType, float]] = {}

    def get(self, connection: Connection, name: str) -> JobType:
        """As it was at most REMEMBER_S ago. One that is not known is always looked for.

        Raises:
            UnknownJobType: nobody has registered it.
        """
        found, until = self._known.get(name, (None, 0.0))
        if found and time.monotonic() < until:
            return found
        found = job_types.get(connection, name)
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[name] = (found, time.monotonic() + REMEMBER_S)
        return found
