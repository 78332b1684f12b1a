"""Every kind of list has the jobs that it should have, in their order, however they are found."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.reads import listing
from aeon_jobs.persistence.reads.list_statements import Shape
from aeon_jobs.persistence.reads.listing import Filter
from tests.rows import rows

COUNT = 80
LIMIT = 15
JOBS = f"""
    INSERT INTO jobs (id, job_type, queue_name, status, priority, created_at, updated_at, created_by, metadata, workflow_id)
    SELECT lpad(to_hex(n * 7919 % 10007), 32, '0')::uuid, 'type' || n % 3, 'queue' || n / 3 % 4, state::job_status, n % 5,
        born, born + CASE WHEN n % 4 = 0 OR state = 'pending' AND n % 8 < 6 THEN 0 ELSE n % 11 END * interval '1 hour',
        CASE WHEN n % 2 = 0 THEN 'me' END, jsonb_build_object('a', n % 6),
        CASE WHEN n % 10 = 1 THEN lpad('a', 32, '0')::uuid END
    FROM (
        SELECT n, timestamptz '2026-01-01Z' + n / 2 * interval '1 hour' AS born,
            (ARRAY['pending', 'pending', 'queued', 'running', 'completed', 'failed', 'cancelled'])[1 + n % 7] AS state
        FROM generate_series(1, {COUNT}) AS n
    ) AS numbered
"""


def at(hours: int) -> datetime:
    return datetime.fromisoformat(f"2026-01-{1 + hours // 24:02}T{hours % 24:02}:00:00+00:00")


CONDITIONS: dict[str, Any] = {
    "status": ("pending", "failed", "running"),
    "job_type": "type1",
    "queue_name": "queue2",
    "created_by": "me",
    "created_after": at(10),
    "created_before": at(50),
    "updated_after": at(15),
    "updated_before": at(45),
    "metadata": {"a": 1},
    "workflow_id": UUID(int=10),
}
FILTERS = [
    *(dict(chosen) for count in range(3) for chosen in itertools.combinations(CONDITIONS.items(), count)),
    {"status": ("pending",)},
    {"status": ("pending",), "updated_after": at(15), "updated_before": at(45)},
    {"status": ("completed", "queued"), "job_type": "type1", "queue_name": "queue2"},
    {"job_type": "type1", "queue_name": "queue2", "created_after": at(10)},
    {"job_type": "none"},
    {"queue_name": "none"},
]


@pytest.fixture(params=["as it comes", "gathered", "walked"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How a list that no index has in its order is found."""
    if request.param != "as it comes":
        monkeypatch.setattr(listing, "RECENT", 0)
        monkeypatch.setattr(Shape, "most", 0 if request.param == "walked" else COUNT)


def test_every_list_has_its_jobs_in_their_order(database: Database, way: None) -> None:
    stored = _store(database)
    wrong = []
    for number, (given, sort) in enumerate(itertools.product(FILTERS, listing.SORTS)):
        descending = number % 2 == 0
        if _listed(database, Filter(**given), sort, descending) != _expected(stored, given, sort, descending):
            wrong.append((given, sort, descending))
    assert wrong == []
    counts = {str(given): _total(database, given) for given in FILTERS}
    assert counts == {str(given): len(_expected(stored, given, "priority", True)) for given in FILTERS}


@pytest.mark.parametrize("most", [0, 3, COUNT])
def test_a_page_far_behind_has_its_jobs_however_many_may_be_gathered(
    database: Database, monkeypatch, most: int
) -> None:
    monkeypatch.setattr(listing, "RECENT", 0)
    monkeypatch.setattr(Shape, "most", most)
    given = {"metadata": {"a": 1}}
    expected = _expected(_store(database), given, "created_at", True)
    assert len(expected) > 8
    with database.connection() as connection:
        pages = {
            offset: listing.page(connection, Filter(**given), limit=3, offset=offset).rows for offset in (0, 3, 6, 99)
        }
    assert {offset: [row["id"] for row in page] for offset, page in pages.items()} == {
        offset: expected[offset : offset + 3] for offset in (0, 3, 6, 99)
    }


def _store(database: Database) -> list[Any]:
    """The rows, as they were stored."""
    with database.transaction() as connection:
        # For this transaction: no trigger changes them, and the next user of the connection has triggers again.
        rows(connection, "SET LOCAL session_replication_role = replica")
        rows(connection, JOBS)
        stored = rows(connection, "SELECT * FROM jobs")
    assert len(stored) == COUNT
    return stored


def _total(database: Database, given: dict[str, Any]) -> int:
    with database.connection() as connection:
        return listing.total(connection, Filter(**given))


def _listed(database: Database, which: Filter, sort: Any, descending: bool) -> list[UUID]:
    found: list[UUID] = []
    cursor: str | None = None
    with database.connection() as connection:
        while True:
            page = listing.page(connection, which, sort=sort, descending=descending, limit=LIMIT, cursor=cursor)
            found += [row["id"] for row in page.rows]
            if (cursor := page.next_cursor) is None:
                return found


def _expected(stored: list[Any], given: dict[str, Any], sort: str, descending: bool) -> list[UUID]:
    chosen = [row for row in stored if all(_holds(row, name, wanted) for name, wanted in given.items())]
    return [row.id for row in sorted(chosen, key=lambda row: (getattr(row, sort), row.id), reverse=descending)]


def _holds(row: Any, name: str, wanted: Any) -> bool:
    if name == "status":
        return row.status in wanted
    if name == "metadata":
        return wanted.items() <= row.metadata.items()
    column, _, end = name.rpartition("_")
    if end == "after":
        return getattr(row, f"{column}_at") >= wanted
    if end == "before":
        return getattr(row, f"{column}_at") < wanted
    return getattr(row, name) == wanted
