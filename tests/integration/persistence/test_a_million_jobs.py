"""With 1,000,000 jobs and as many attempts: what every list and statistic looks at, in pages, which no load on the machine
changes. A page that is in memory costs about a microsecond, one that is not some ten.

`make rehearse-dashboard` runs this file.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.metrics import counters, history, situation, storage
from aeon_jobs.persistence.metrics import depths as metric_depths
from aeon_jobs.persistence.reads import (
    audit_list,
    dead_letter_lists,
    details,
    failure_groups,
    listing,
    overview,
    search,
)
from aeon_jobs.persistence.reads.audit_list import EntryFilter
from aeon_jobs.persistence.reads.dead_letter_lists import DeadLetterFilter
from aeon_jobs.persistence.reads.listing import Filter
from tests.integration.persistence.test_plans import copy_of_template
from tests.plans import Plan, pages_of
from tests.rows import rows, value

pytestmark = pytest.mark.skipif(
    not os.environ.get("REHEARSE_DASHBOARD"), reason="takes a minute: make rehearse-dashboard"
)

COUNT = 1_000_000
NEWEST = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(seconds=30) * COUNT
"""A job every 30 seconds."""

# In motion are as many as there may be threads. What is in which state, of which type and whose goes together as it does in
# life: some types and some submitters never fail, old jobs do not wait. A job of the last three days may be of a type that
# there was none of before.
JOBS = """
    INSERT INTO jobs (id, job_type, queue_name, status, priority, created_at, updated_at, created_by, metadata, attempt,
        dispatch_seq, queued_at, started_at, completed_at, worker_id, lease_expires_at, workflow_id)
    SELECT lpad(to_hex(n), 32, '0')::uuid,
        CASE WHEN n % 100003 = 0 THEN 'rare' WHEN n > 990000 AND n % 3 = 0 THEN 'new' ELSE 'type' || n % 20 END,
        CASE WHEN n % 100019 = 0 THEN 'seldom' ELSE 'queue' || n % 4 END, status::job_status, n * 37 % 101,
        born, born + n % 1000 * interval '10 s', 'service-' || n % 50,
        jsonb_build_object('tenant', n % 1000, 'region', 'eu'), (status <> 'pending')::integer, 1, born, born,
        CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN born + n % 1000 * interval '10 s' END, 'w' || n % 8,
        CASE WHEN status = 'running' THEN now() + interval '1 hour' END,
        CASE WHEN n BETWEEN 400001 AND 520000 THEN lpad('a', 32, '0') WHEN n BETWEEN 300001 AND 300500 THEN lpad('b', 32, '0')
            END::uuid
    FROM (
        SELECT n, timestamptz '2026-01-01Z' - (1000000 - n) * interval '30 s' AS born, CASE
            WHEN n > 999800 THEN 'queued' WHEN n > 999600 THEN 'running' WHEN n > 940000 AND n % 2 = 0 THEN 'pending'
            WHEN n % 20 = 3 THEN 'failed' WHEN n % 20 = 4 THEN 'cancelled' ELSE 'completed' END AS status
        FROM generate_series(1, 1000000) AS n
    ) AS numbered
"""
OTHERS = """
    INSERT INTO job_executions (job_id, attempt, outcome, started_at, finished_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 1, 'completed', now() - n * interval '80 ms', now() - n * interval '80 ms'
    FROM generate_series(1, 1000000) AS n;
    INSERT INTO dead_letter_jobs (job_id, job_type, queue_name, reason, error_type, fingerprint, created_at, resolved_at,
        resolution)
    SELECT lpad(to_hex(20 * n + 3), 32, '0')::uuid, 'type3', 'queue3', 'exhausted', 'E' || n % 9, 'f' || n % 300, now(),
        CASE WHEN n % 10 > 0 THEN now() END, CASE WHEN n % 10 > 0 THEN 'discarded' END
    FROM generate_series(1, 45000) AS n;
    INSERT INTO job_audit_log (actor, action, subject_type, subject_id)
    SELECT 'user' || n % 100, 'job.cancel', 'job', n::text FROM generate_series(1, 20000) AS n
"""
STATISTICS = """
    INSERT INTO job_statistics (span_s, kind, begins_at, name, completed, runs, waits, ready)
    SELECT span_s, kind, date_bin('1 minute', now(), timestamptz '2000-01-01Z') - n * span_s * interval '1 second', name, n,
        array_fill(n::double precision, ARRAY[9]), array_fill(n::double precision, ARRAY[15]), n
    FROM (VALUES (10, 180), (60, 2880), (3600, 744)) AS spans (span_s, count), generate_series(1, count) AS n, (
        SELECT 'all', '' UNION ALL SELECT 'queue', 'queue' || q FROM generate_series(0, 3) AS q
        UNION ALL SELECT 'job_type', 'type' || t FROM generate_series(0, 19) AS t
    ) AS names (kind, name)
"""
"""What a system with 4 queues and 20 job types has after a month."""


@pytest.fixture(scope="module")
def million(postgres_url: str, _template: str) -> Iterator[Database]:
    with copy_of_template(postgres_url, _template, f"{_template}_million") as database:
        with database.transaction() as connection:
            # Ten times faster without triggers, and with the indexes made afterwards.
            rows(connection, "SET LOCAL session_replication_role = replica")
            rows(connection, "SET LOCAL maintenance_work_mem = '256MB'")
            indexes = rows(
                connection,
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('jobs', 'job_executions')"
                " AND indexname NOT LIKE '%_pkey'",
            )
            for name, _ in indexes:
                rows(connection, f"DROP INDEX {name}")
            rows(connection, JOBS)
            rows(connection, OTHERS)
            rows(connection, STATISTICS)
            for _, definition in indexes:
                rows(connection, definition.replace("\\", "").replace(":", "\\:"))
        with database.connection() as connection:
            # A large sample: with the usual one the plan of a list changes now and then, by chance.
            rows(connection, "SET default_statistics_target = 1000")
            rows(connection, "VACUUM ANALYZE")
            rows(connection, "RESET default_statistics_target")
        yield database


def ago(part: float) -> datetime:
    """1: when the first job was submitted."""
    return NEWEST - YEAR * part


FILTERS: dict[str, Filter] = {
    "all": Filter(),
    "a state": Filter(status=("failed",)),
    "the state of most": Filter(status=("completed",)),
    "two states": Filter(status=("failed", "cancelled")),
    "in motion": Filter(status=("queued", "running")),
    "one in motion": Filter(status=("running", "failed")),
    "type": Filter(job_type="type7"),
    "rare type": Filter(job_type="rare"),
    "new type": Filter(job_type="new"),
    "no such type": Filter(job_type="nothing"),
    "type that never failed": Filter(job_type="type7", status=("failed",)),
    "queue": Filter(queue_name="queue1"),
    "rare queue": Filter(queue_name="seldom"),
    "submitter": Filter(created_by="service-7"),
    "submitter without failures": Filter(created_by="service-7", status=("failed", "cancelled")),
    "nobody": Filter(created_by="nobody"),
    "submitter, type": Filter(created_by="service-7", job_type="type7"),
    "submitter, no such type": Filter(created_by="service-7", job_type="type8"),
    "workflow": Filter(workflow_id=UUID(int=11)),
    "large batch": Filter(workflow_id=UUID(int=10)),
    "failed of a large batch": Filter(workflow_id=UUID(int=10), status=("failed",)),
    "no such workflow": Filter(workflow_id=UUID(int=12)),
    "metadata": Filter(metadata={"tenant": 7}),
    "common metadata": Filter(metadata={"region": "eu"}),
    "no such metadata": Filter(metadata={"tenant": "none"}),
    "metadata, state": Filter(metadata={"tenant": 7}, status=("cancelled",)),
    "metadata, submitter, type": Filter(metadata={"tenant": 7}, created_by="service-7", job_type="type7"),
    "created lately": Filter(created_after=ago(0.001)),
    "created on a day": Filter(created_after=ago(0.5), created_before=ago(0.497)),
    "created before": Filter(created_before=ago(0.05)),
    "created on a day, failed": Filter(created_after=ago(0.5), created_before=ago(0.497), status=("failed",)),
    "created on a day, type": Filter(created_after=ago(0.5), created_before=ago(0.497), job_type="type7"),
    "changed lately": Filter(updated_after=ago(0.001)),
    "changed on a day": Filter(updated_after=ago(0.5), updated_before=ago(0.497)),
    "changed before": Filter(updated_before=ago(0.95)),
    "changed on a day, submitter": Filter(updated_after=ago(0.5), updated_before=ago(0.497), created_by="service-7"),
}
PAGES = 20_000
"""The table has some 40,000, its indexes as many again."""


LARGE = {"jobs", "job_executions", "dead_letter_jobs", "job_audit_log"}


def excess(plan: Plan, pages: int = PAGES) -> str | None:
    """What is wrong with it."""
    scanned = plan.scanned & LARGE
    return f"{plan.pages} pages; whole: {scanned or 'none'}" if scanned or plan.pages > pages else None


def test_no_list_looks_at_much_of_the_table(million: Database, environment: Any) -> None:
    # One test, for the sake of the fixture: each process that runs some of these makes its own million.
    wrong = {}
    for (name, which), sort, descending in itertools.product(FILTERS.items(), listing.SORTS, (True, False)):
        cursor: str | None = None
        for page in ("first", "second"):
            found, plan = _page(million, which, sort=sort, descending=descending, cursor=cursor)
            if what := excess(plan):
                wrong[name, sort, "down" if descending else "up", page] = what
            if (cursor := found.next_cursor) is None:
                break
    assert wrong == {}


def test_no_count_looks_at_much_of_the_table(million: Database, environment: Any) -> None:
    plans = {name: pages_of(million, lambda c, which=which: listing.total(c, which)) for name, which in FILTERS.items()}
    assert {name: what for name, plan in plans.items() if (what := excess(plan))} == {}


def _page(database: Database, which: Filter, **options: Any) -> tuple[listing.Page, Plan]:
    found: list[listing.Page] = []
    plan = pages_of(database, lambda connection: found.append(listing.page(connection, which, **options)))
    return found[0], plan


def test_no_search_looks_at_much_of_the_table(million: Database, environment: Any) -> None:
    nowhere = {"customer": {"id": 7}}
    plans = {
        name: pages_of(million, lambda c, which=which: search.page(c, which, nowhere))
        for name, which in FILTERS.items()
    }
    # A page of an index and one of the table for each job that is looked at, at worst.
    assert {name: what for name, plan in plans.items() if (what := excess(plan, 6 * search.LOOKED_AT))} == {}


LOOKS: dict[str, tuple[int, Callable[[Connection], object]]] = {
    "a job": (40, lambda c: details.of_job(c, UUID(int=500_000))),
    "depths": (6_000, overview.depths),
    "metrics: depths": (6_000, metric_depths.read),
    "metrics: what goes on": (1_000, lambda c: situation.read(c, 15_000)),
    "metrics: counters": (500, counters.read),
    # The catalogue, for each table and partition; none of our rows.
    "metrics: sizes": (1_000, storage.read),
    "history of a week": (1_500, lambda c: history.read(c, history.PERIODS["7d"])),
    "history of a day": (8_000, lambda c: history.read(c, history.PERIODS["24h"])),
    "history of a type": (3_000, lambda c: history.read(c, history.PERIODS["24h"], "job_type", "type7")),
    "open letters": (3_000, lambda c: dead_letter_lists.page(c, DeadLetterFilter())),
    "letters of a cause": (3_000, lambda c: dead_letter_lists.page(c, DeadLetterFilter(fingerprint="f7"))),
    "all letters": (3_000, lambda c: dead_letter_lists.page(c, DeadLetterFilter(open=None))),
    "letters of no such type": (3_000, lambda c: dead_letter_lists.page(c, DeadLetterFilter(job_type="nothing"))),
    "groups of failures": (5_000, lambda c: failure_groups.read(c, failure_groups.PERIODS["7d"])),
    "audit log": (500, lambda c: audit_list.entries(c, EntryFilter())),
    "audit log of a job": (500, lambda c: audit_list.entries(c, EntryFilter(subject_type="job", subject_id="77"))),
    "audit log of nobody": (500, lambda c: audit_list.entries(c, EntryFilter(actor="nobody"))),
}


def test_a_look_touches_few_pages(million: Database, environment: Any) -> None:
    wrong = {name: what for name, (most, look) in LOOKS.items() if (what := excess(pages_of(million, look), most))}
    assert wrong == {}


def test_statistics_go_on_with_the_last_minutes(million: Database, environment: Any) -> None:
    log = overview.ActivityLog()
    with million.connection() as connection:
        log.go_on(connection)
    before = log.summary()
    plan = pages_of(million, log.go_on)
    assert before.last_24_hours.attempts == log.summary().last_24_hours.attempts > 900_000
    # Five minutes of 12 attempts a second, and the jobs of them.
    assert excess(plan, 40_000) is None
    assert "job_executions_finished_idx" in plan.indexes


def test_there_are_as_many_as_it_says(million: Database) -> None:
    assert value(million, "SELECT count(*) FROM jobs") == COUNT
    assert value(million, "SELECT max(created_at) FROM jobs") == NEWEST
