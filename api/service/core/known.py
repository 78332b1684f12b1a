"""Job types and queues by name, remembered for a moment: every submission names some, and they hardly ever change."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from aeon_jobs.api.service.core.errors import near
from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.queue import job_types, queues

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.models import JobType

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

    def forget(self, name: str) -> None:
        """It was changed."""
        self._known.pop(name, None)

    def queue_of(self, name: str) -> str:
        """The queue of a job type, if it was asked for before; else empty."""
        found, _ = self._known.get(name, (None, 0.0))
        return found.queue_name if found else ""


class KnownQueues:
    def __init__(self, silence_ms: int) -> None:
        self._silence_ms = silence_ms
        self._names: frozenset[str] = frozenset()
        self._until = 0.0

    def refuse_unknown(self, connection: Connection, wanted: Collection[tuple[str, str]]) -> None:
        """`wanted`: (field, name of a queue). One that is not known is always looked for.

        Raises:
            InvalidJob: no job type, job, live worker or setting names a queue; near names are told.
        """
        is_old = time.monotonic() > self._until
        if wanted and (is_old or any(name not in self._names for _, name in wanted)):
            self._names = queues.names(connection, self._silence_ms)
            self._until = time.monotonic() + REMEMBER_S
        if unknown := [(field, name) for field, name in wanted if name not in self._names]:
            raise InvalidJob(
                [Violation(field, f"no queue {name!r:.120}{near(name, self._names)}") for field, name in unknown]
            )
