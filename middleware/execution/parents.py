"""Results of the steps that a step waited for, read from PostgreSQL when they are asked for."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from typing import Any
from uuid import UUID

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import graphs

KEPT = 100
"""Most results that are kept after they were read."""


class ParentResults(Mapping[str, Any]):
    """By the names of steps; of jobs without such a name, by their ids. A step that did not complete has no result.

    `results["fetch"]` finds every step of the same workflow. Iterating goes through those that were waited for, in portions.
    """

    def __init__(self, job_id: UUID, database: Database | None) -> None:
        """`database` is None outside of a worker: there are no results."""
        self._job_id, self._database = job_id, database
        self._read: dict[str, Any] = {}

    def __getitem__(self, name: str | UUID) -> Any:
        name = str(name)
        if name not in self._read:
            if self._database is None:
                raise KeyError(name)
            with self._database.connection() as connection:
                found = graphs.result_for(connection, self._job_id, name)
            if found is None:
                raise KeyError(name)
            if len(self._read) >= KEPT:
                del self._read[next(iter(self._read))]
            self._read[name] = found[0]
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._parents(with_results=False))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def items(self) -> ItemsView[str, Any]:
        """All of them, read some at a time."""
        return _Items(self)

    def _parents(self, *, with_results: bool) -> Iterator[tuple[str, Any]]:
        if self._database is None:
            return
        after: UUID | None = UUID(int=0)
        while after is not None:
            with self._database.connection() as connection:
                page, after = graphs.parents_of(connection, self._job_id, after, with_results=with_results)
            yield from page


class _Items(ItemsView[str, Any]):
    _mapping: ParentResults

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return self._mapping._parents(with_results=True)
