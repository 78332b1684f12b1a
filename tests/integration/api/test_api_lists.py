"""Lists: every filter, every sort, cursors that neither lose nor repeat. Their plans: test_plans."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from sqlalchemy import Connection, text

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.reads import listing
from tests.integration.conftest import ApiClients

FILTERS = {
    "all": {},
    "status": {"status": "failed"},
    "two states": {"status": ["failed", "running"]},
    "moving": {"status": ["queued", "running"]},
    "type": {"job_type": "type_3"},
    "caller": {"created_by": "svc_7"},
    "queue": {"queue_name": "q1"},
    "type and status": {"job_type": "type_3", "status": "completed"},
    "rare metadata": {"metadata": "tenant:t3"},
    "common metadata": {"metadata": "region:eu"},
    "metadata and status": {"metadata": "region:eu", "status": "cancelled"},
    "nothing": {"created_by": "nobody"},
}


ROWS = 3_000


def _seed(connection: Connection, rows: int) -> None:
    connection.execute(
        text("""
INSERT INTO jobs (job_type, queue_name, status, priority, created_by, metadata, created_at, completed_at, started_at)
SELECT 'type_' || i % 20, 'q' || i % 4, status::job_status, i * 7 % 101, 'svc_' || i % 50,
    CASE WHEN i % 3 = 0 THEN jsonb_build_object('tenant', 't' || i % 100, 'region', 'eu') ELSE '{}' END,
    timestamptz '2026-01-01' + i / 3 * interval '1 second',  -- three jobs a second: ties
    CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN now() END, NULL
FROM (SELECT i, (ARRAY['completed', 'completed', 'completed', 'completed', 'pending', 'failed', 'cancelled', 'queued',
                       'running'])[1 + i * 5 % 9] AS status FROM generate_series(1, :rows) AS i) AS numbered
"""),
        {"rows": rows},
    )


@pytest.fixture
def many(api: ApiClients, database: Database) -> ApiClients:
    with database.transaction() as connection:
        _seed(connection, ROWS)
    with database.connection() as connection:
        connection.execute(text("VACUUM ANALYZE jobs"))
    return api


def _walk(api: ApiClients, parameters: dict[str, Any], limit: int = 170) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = api.viewer.get("/api/jobs", params={**parameters, "limit": limit, **cursor})
        assert answer.status_code == 200, answer.text
        rows += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return rows
        cursor = {"cursor": answer.json()["next_cursor"]}


def test_every_filter_with_every_sort_walks_through_exactly_what_matches(many: ApiClients, database: Database) -> None:
    conditions = {
        "all": "true",
        "status": "status = 'failed'",
        "two states": "status IN ('failed', 'running')",
        "moving": "status IN ('queued', 'running')",
        "type": "job_type = 'type_3'",
        "caller": "created_by = 'svc_7'",
        "queue": "queue_name = 'q1'",
        "type and status": "job_type = 'type_3' AND status = 'completed'",
        "rare metadata": """metadata @> '{"tenant": "t3"}'""",
        "common metadata": """metadata @> '{"region": "eu"}'""",
        "metadata and status": """metadata @> '{"region": "eu"}' AND status = 'cancelled'""",
        "nothing": "false",
    }
    sorts = itertools.cycle(itertools.product(listing.SORTS, ("asc", "desc")))
    for (name, filters), (sort, order) in zip([*FILTERS.items()] * 3, sorts, strict=False):
        with database.connection() as connection:
            wanted = connection.execute(
                text(f"SELECT id::text FROM jobs WHERE {conditions[name]} ORDER BY {sort} {order}, id {order}")
            )
            expected = list(wanted.scalars())
        found = [row["id"] for row in _walk(many, {**filters, "sort": sort, "order": order})]
        assert found == expected, (name, sort, order)


def test_a_walk_is_not_disturbed_by_rows_that_arrive_meanwhile(many: ApiClients, database: Database) -> None:
    first = many.viewer.get("/api/jobs?limit=100").json()
    for _ in range(5):
        many.submitter.submit()
    second = many.viewer.get("/api/jobs", params={"limit": 100, "cursor": first["next_cursor"]}).json()

    with database.connection() as connection:
        newest = connection.execute(
            text("SELECT id::text FROM jobs WHERE job_type <> 'echo' ORDER BY created_at DESC, id DESC LIMIT 200")
        )
        expected = list(newest.scalars())
    assert [row["id"] for row in first["items"] + second["items"]] == expected


def test_offset_and_total_are_there_for_those_who_want_them(many: ApiClients) -> None:
    everything = _walk(many, {})
    page = many.viewer.get("/api/jobs?limit=5&offset=10&total=true").json()
    assert page["items"] == everything[10:15]
    assert (page["total"], page["total_is_capped"]) == (ROWS, False)
    assert many.viewer.get("/api/jobs").json()["total"] is None


def test_a_total_is_counted_up_to_its_cap(many: ApiClients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_TOTAL", 100)
    page = many.viewer.get("/api/jobs?total=true").json()
    assert (page["total"], page["total_is_capped"]) == (100, True)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("offset=10001", "offset"),
        ("sort=payload", "sort"),
        ("order=up", "order"),
        ("status=lost", "status"),
        ("cursor=nonsense", "cursor"),
        ("cursor=bm9uc2Vuc2U", "cursor"),
        ("created_after=yesterday", "created_after"),
        ("created_after=2026-01-01T00:00:00", "created_after"),
        ("created_before=0", "created_before"),
        ("metadata=tenant", "metadata"),
        ("metadata={", "metadata"),
        ("stauts=failed", "stauts"),
    ],
)
def test_a_bad_parameter_is_400_and_named(api: ApiClients, query: str, field: str) -> None:
    answer = api.viewer.get(f"/api/jobs?{query}")
    assert answer.status_code == 400, answer.text
    assert field in answer.json()["errors"][0]["field"], answer.text


def test_a_cursor_of_another_list_is_refused(many: ApiClients) -> None:
    cursor = many.viewer.get("/api/jobs?limit=1").json()["next_cursor"]
    for other in ({"status": "failed"}, {"sort": "priority"}, {"order": "asc"}):
        answer = many.viewer.get("/api/jobs", params={**other, "cursor": cursor})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "cursor"


def test_times_filter_from_inclusive_to_exclusive(many: ApiClients) -> None:
    window = {"created_after": "2026-01-01T00:01:00Z", "created_before": "2026-01-01T01:02:00+01:00"}
    rows = _walk(many, window)
    assert len(rows) == 180
    assert {row["created_at"] for row in rows} >= {"2026-01-01T00:01:00Z", "2026-01-01T00:01:59Z"}
