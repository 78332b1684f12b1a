"""Jobs by what is in their payloads: page by page, each of which looks at so many jobs and no more."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from aeon_jobs import Jobs
from aeon_jobs.api.contract import JobFilter
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.reads import search
from aeon_jobs.persistence.reads.listing import Filter
from tests.rows import register, rows

COUNT = 60
NOWHERE = {"customer": {"id": "nobody"}}


@pytest.fixture
def many(database: Database) -> Database:
    """Number n is of customer n % 10, in each state, some of another type; the newest first."""
    register(database)
    rows(
        database,
        "INSERT INTO jobs (job_type, queue_name, status, payload, priority, created_at, updated_at, created_by, metadata,"
        " started_at, queued_at) SELECT CASE WHEN n % 3 = 0 THEN 'other' ELSE 'note' END, 'default', state::job_status,"
        " jsonb_build_object('n', n, 'customer', jsonb_build_object('id', n % 10, 'name', 'c' || n % 10)), n % 100,"
        " now() - n * interval '1 minute', now() - n * interval '1 minute', 'me', '{\"a\": 1}', now(), now()"
        " FROM (SELECT n, (ARRAY['pending', 'queued', 'running', 'completed', 'failed', 'cancelled'])[1 + n % 6] AS state"
        f" FROM generate_series(1, {COUNT}) AS n) AS numbered",
    )
    return database


def walk(database: Database, which: Filter, payload: dict[str, Any], **options: Any) -> tuple[list[int], int, int]:
    """The numbers of what is found, the pages, and how many of these were cut off."""
    found: list[int] = []
    pages = cut = 0
    cursor = None
    while pages == 0 or cursor:
        with database.connection() as connection:
            page = search.page(connection, which, payload, cursor=cursor, **options)
            ids = [row["id"] for row in page.rows]
            numbers = dict(
                rows(connection, "SELECT id, (payload->>'n')::integer FROM jobs WHERE id = ANY(:ids)", ids=ids)
            )
        found += [numbers[id_] for id_ in ids]
        pages, cut, cursor = pages + 1, cut + page.is_cut_off, page.next_cursor
        assert pages < 100
    return found, pages, cut


def test_jobs_whose_payloads_contain_it_are_found_in_the_order_of_the_list(many: Database) -> None:
    assert walk(many, Filter(), {"customer": {"id": 7}}) == ([7, 17, 27, 37, 47, 57], 1, 0)
    assert walk(many, Filter(), {"customer": {"id": 7}}, descending=False, limit=4)[0] == [57, 47, 37, 27, 17, 7]
    assert walk(many, Filter(), {"customer": {"id": 7}}, sort="priority")[0] == [57, 47, 37, 27, 17, 7]
    assert walk(many, Filter(), NOWHERE) == ([], 1, 0)


@pytest.mark.parametrize(
    "which",
    [
        Filter(),
        Filter(job_type="note"),
        Filter(status=("failed", "running")),
        Filter(job_type="note", status=("failed", "pending")),
        Filter(created_by="me", metadata={"a": 1}),
    ],
)
def test_a_page_looks_at_so_many_jobs_and_the_next_one_goes_on(many: Database, which: Filter) -> None:
    everything = walk(many, which, {"customer": {"id": 4}}, limit=200)[0]
    found, _, cut = walk(many, which, {"customer": {"id": 4}}, looked_at=5, limit=3)
    assert found == everything
    assert found
    assert cut >= 1
    nothing, pages, cut = walk(many, which, NOWHERE, looked_at=5)
    assert (nothing, cut) == ([], pages - 1)


def test_a_page_says_that_it_was_cut_off(
    many: Database, environment: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LOOKED_AT", 5)
    with Jobs.from_settings(environment) as jobs:
        page = jobs.page(JobFilter(payload={"n": 60}))
        assert (page.items, page.is_cut_off) == ([], True)
        assert page.next_cursor
        assert [job.created_at for job in jobs.list(JobFilter(payload={"n": 60}))] == [_oldest(many)]


def _oldest(database: Database) -> datetime:
    ((moment,),) = rows(database, "SELECT min(created_at) FROM jobs")
    assert isinstance(moment, datetime)
    return moment


def test_what_a_search_cannot_do_is_refused(many: Database, environment: Settings) -> None:
    which = JobFilter(payload=NOWHERE)
    with Jobs.from_settings(environment) as jobs:
        with pytest.raises(InvalidJob, match="offset: does not go with payload"):
            jobs.page(which, offset=1)
        with pytest.raises(InvalidJob, match="total: does not go with payload"):
            jobs.page(which, total=True)
        with pytest.raises(InvalidJob, match="payload: is for lists"):
            jobs.page(JobFilter(payload=NOWHERE, archived=True))
        with pytest.raises(InvalidJob, match="payload: is for lists"):
            jobs.cancel_many(which)
        first = jobs.page(JobFilter(payload={"customer": {"id": 7}}), limit=2)
        with pytest.raises(InvalidJob, match="cursor: belongs to a list"):
            jobs.page(JobFilter(payload={"customer": {"id": 8}}), cursor=first.next_cursor)


def test_a_value_with_the_signs_of_sql_and_json_is_text(many: Database) -> None:
    rows(many, "UPDATE jobs SET payload = CAST(:payload AS jsonb)", payload=json.dumps({"t": 'a:b\' % "€" \\'}))
    with many.connection() as connection:
        assert len(search.page(connection, Filter(), {"t": 'a:b\' % "€" \\'}).rows) == 50
