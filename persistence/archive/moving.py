"""What ended long ago moves to the archive, a few rows at a time.

1. A pass walks over the audit log, the dead letters, and the jobs of one type after the other, the last ended first: so a job
   moves before the jobs that it depends on.
2. Each statement is a transaction that deletes here and inserts there, so a crash between loses nothing. It takes as many rows
   as fit in STATEMENT_S, passes over rows that others have locked, and waits for no lock longer than LOCK_MS.
3. `ArchivePass.go_on` makes such statements for a given time. The next call goes on where this one stopped.

Several processes may do this at once: each row is moved by one of them. Counters (`job_counters`) are not touched.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from aeon_jobs.persistence.archive.retention import Retention
from aeon_jobs.persistence.core.database import run

if TYPE_CHECKING:
    from sqlalchemy import Connection

STATEMENT_S = 0.03
"""What one statement should take."""
LOCK_MS = 200
FEWEST, MOST = 10, 500
"""Rows of one statement."""
_END = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))
"""Where a walk over the jobs of a type begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    jobs: int = 0
    dead_letters: int = 0
    audit_entries: int = 0
    is_done: bool = False
    """The pass has come to its end: what is left has to stay for now."""

    @property
    def total(self) -> int:
        return self.jobs + self.dead_letters + self.audit_entries

    def __add__(self, other: Moved) -> Moved:
        return Moved(
            jobs=self.jobs + other.jobs,
            dead_letters=self.dead_letters + other.dead_letters,
            audit_entries=self.audit_entries + other.audit_entries,
            is_done=self.is_done or other.is_done,
        )


class ArchivePass:
    """One walk over everything that may be due, in as many calls as it takes; then the next walk."""

    def __init__(self, retention: Retention, clock: Callable[[], float] = time.monotonic) -> None:
        self._retention = retention
        self._clock = clock
        self._rows = 100
        self._steps: Iterator[_Step] | None = None

    def go_on(self, connection: Connection, limit_s: float) -> Moved:
        """Move what is due, for `limit_s` at most (one statement at least). `connection`: each statement is a transaction.

        Raises:
            DBAPIError: the pass begins anew with the next call.
        """
        connection = connection.execution_options(job_lock_ms=LOCK_MS)
        moved, ends = Moved(), self._clock() + limit_s
        # After an error there is none to go on with.
        steps, self._steps = self._steps or self._walk(), None
        for step in steps:
            moved += self._timed(step, connection)
            if moved.is_done:
                return moved
            if self._clock() >= ends:
                break
        self._steps = steps
        return moved

    def _timed(self, step: _Step, connection: Connection) -> Moved:
        began = self._clock()
        moved = step(connection)
        took = max(self._clock() - began, 0.001)
        if moved.total:
            wanted = self._rows * min(2.0, max(0.25, STATEMENT_S / took))
            self._rows = round(min(MOST, max(FEWEST, wanted)))
        return moved

    def _walk(self) -> Iterator[_Step]:
        """One step after the other; which is next, its forerunners tell."""
        kept = self._retention
        if kept.audit_log:
            yield from self._until_few("archive/move_audit_entries", "audit_entries", kept.audit_log)
        if kept.dead_letters:
            yield from self._until_few("archive/move_dead_letters", "dead_letters", kept.dead_letters)
        types: list[str] = []

        def look(connection: Connection) -> Moved:
            types.extend(ended_types(connection))
            return Moved()

        yield look
        for job_type in types:
            if days := kept.days_of(job_type):
                yield from self._jobs(job_type, days)
        yield lambda _: Moved(is_done=True)

    def _until_few(self, name: str, what: str, days: int) -> Iterator[_Step]:
        """Until a statement moves fewer than it may."""
        found = rows = -1

        def move(connection: Connection) -> Moved:
            nonlocal found, rows
            rows = self._rows
            found = run(connection, name, {"days": days, "rows": rows}).scalar_one()
            return Moved(**{what: found})

        while found == rows:
            yield move

    def _jobs(self, job_type: str, days: int) -> Iterator[_Step]:
        position: tuple[datetime, UUID] | None = _END

        def move(connection: Connection) -> Moved:
            nonlocal position
            assert position is not None
            rows = self._rows
            values = {"job_type": job_type, "days": days, "dlq_days": self._retention.dead_letters, "rows": rows}
            row = run(
                connection, "archive/move_jobs", {**values, "before": position[0], "before_id": position[1]}
            ).one()
            position = (row.last_at, row.last_id) if row.seen == rows else None
            return Moved(jobs=row.jobs, dead_letters=row.dead_letters)

        while position is not None:
            yield move


_Step = Callable[["Connection"], Moved]


def ended_types(connection: Connection) -> list[str]:
    """The job types of jobs that ended."""
    return list(run(connection, "archive/ended_types").scalars())


@dataclass(frozen=True, slots=True)
class DueDay:
    """What is due for the archive, of one day (UTC)."""

    day: date
    kind: str
    """jobs, dead_letters or audit_entries."""
    due: int
    kept: int
    """Of these, how many stay for now: a valid idempotency key, a dead letter, or a job that depends on them."""


def due_days(connection: Connection, retention: Retention) -> list[DueDay]:
    """What a pass would look at now, by day and kind."""
    types: list[Mapping[str, Any]] = [
        {"job_type": job_type, "days": days}
        for job_type in ended_types(connection)
        if (days := retention.days_of(job_type))
    ]
    values = {
        "types": json.dumps(types),
        "dlq_days": retention.dead_letters,
        "audit_days": retention.audit_log,
    }
    return [DueDay(**row) for row in run(connection, "archive/due_days", values).mappings()]
