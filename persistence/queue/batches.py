"""Many jobs in one transaction, in little memory.

1. They come in portions. A portion is checked while it is stored.
2. Jobs that stand for themselves are stored by COPY. Those with a key, a delay, a schedule or dependencies need an INSERT.
3. The first fault ends the storing. What follows is only checked, to name more faults, and `close` raises them: the caller
   rolls back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby, islice
from typing import TYPE_CHECKING, TypeVar

from aeon_jobs.persistence.core.copying import can_copy, copy
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.core.ids import new_job_ids
from aeon_jobs.persistence.queue import inserts, job_types, workflows
from aeon_jobs.persistence.queue.submissions import COPIED, Row, Submitted, Template

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from sqlalchemy import Connection

    from aeon_jobs.persistence.queue.submissions import Defaults, NewJob

T = TypeVar("T")

PORTION = 1000
"""Most jobs that are in memory at a time."""
MAX_STATEMENT_CHARACTERS = 2_000_000
"""Of payloads in one INSERT; the last one may go beyond."""
MAX_VIOLATIONS = 100
"""That one answer names."""


def portions(items: Iterable[T]) -> Iterator[list[T]]:
    """All items, some at a time."""
    iterator = iter(items)
    while portion := list(islice(iterator, PORTION)):
        yield portion


class Batch:
    """Jobs of one transaction. `add` portions, then `close`; on an exception roll back."""

    def __init__(self, connection: Connection, schema: str | None = None) -> None:
        """`schema`: ours, on somebody else's connection."""
        self._connection, self._schema = connection, schema
        self._can_copy = can_copy(connection)
        self._place = 0
        """Of the next job in the whole batch."""
        self._faults: list[Violation] = []
        self._began_at: datetime | None = None

    def add_new(self, new_jobs: Sequence[NewJob], known: Mapping[str, Defaults] | None = None) -> list[Submitted]:
        """As `add`. `known`: their job types, where the registry need not be asked."""
        if known is None:
            known = job_types.get_many(self._connection, {str(new.job_type) for new in new_jobs})
        return self.add(new_jobs, lambda new: Template(new, known.get(str(new.job_type))).row(new.payload))

    def add(self, items: Sequence[T], row_of: Callable[[T], Row]) -> list[Submitted]:
        """Store a portion; the answers stand in its order. `row_of` raises InvalidJob for an item that is at fault.

        Raises:
            InvalidJob: there are so many faults that it is useless to go on.
            IdempotencyConflict
        """
        answers = list[Submitted]()
        first = self._place
        for (is_plain, workflow_id), rows in groupby(self._checked(items, row_of), self._way):
            if is_plain:
                answers += self._copied(rows, workflow_id)
            else:
                answers += self._inserted(rows, first + len(answers))
        self._place = first + len(items)
        if len(self._faults) >= MAX_VIOLATIONS:
            self.close()
        return answers

    def refuse(self, violations: Iterable[Violation]) -> None:
        """Note faults that the caller has found."""
        self._faults += violations

    def close(self) -> None:
        """
        Raises:
            InvalidJob: its fields are prefixed with the place, e.g. ``jobs[17].payload.to``.
        """
        if self._faults:
            raise InvalidJob(self._faults[:MAX_VIOLATIONS])

    def _checked(self, items: Sequence[T], row_of: Callable[[T], Row]) -> Iterator[Row]:
        for place, (item, id_) in enumerate(zip(items, new_job_ids(len(items)), strict=True), self._place):
            try:
                row = row_of(item)
                row.id = row.new.id or id_
            except InvalidJob as error:
                self._refuse_at(place, error)
            else:
                if not self._faults:
                    yield row

    def _refuse_at(self, place: int, error: InvalidJob) -> None:
        prefix = f"jobs[{place}]"
        self.refuse(Violation(f"{prefix}.{v.field}" if v.field else prefix, v.rule) for v in error.violations)

    def _way(self, row: Row) -> tuple[bool, UUID | None]:
        return self._can_copy and row.template.is_plain, row.new.workflow_id

    def _copied(self, rows: Iterator[Row], workflow_id: UUID | None) -> list[Submitted]:
        # What the rows get for created_at: the beginning of the transaction.
        if self._began_at is None:
            self._began_at = self._connection.exec_driver_sql("SELECT now()").scalar_one()
        began_at = self._began_at
        answers = list[Submitted]()

        def lines() -> Iterator[str]:
            for row in rows:
                answers.append(Submitted(row.id, "pending", began_at))
                yield row.line()

        with workflows.counted_at_once(self._connection, workflow_id, answers, self._schema):
            copy(self._connection, "jobs", COPIED, lines(), schema=self._schema)
        crash("submit.copied")
        return answers

    def _inserted(self, group: Iterator[Row], first: int) -> list[Submitted]:
        answers = list[Submitted]()
        for rows in _by_size(group):
            if self._faults:
                break
            try:
                answers += inserts.store(self._connection, rows, self._schema, first=first + len(answers))
            except InvalidJob as error:
                self.refuse(error.violations)
        return answers


def _by_size(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Some at a time: PostgreSQL takes 256 MB of JSON in one statement, and a process has it several times in memory."""
    some, size = list[Row](), 0
    for row in rows:
        some.append(row)
        size += len(row.payload)
        if size >= MAX_STATEMENT_CHARACTERS:
            yield some
            some, size = [], 0
    if some:
        yield some
