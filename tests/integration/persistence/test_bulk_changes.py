"""Changes of everything that matches: in portions, by any process, each job once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError

from aeon_jobs.persistence.admin import bulk_changes
from aeon_jobs.persistence.admin.bulk_changes import PORTION, Action, BulkChange, Which, begin, go_on
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue.states import Failure, failed
from aeon_jobs.persistence.reads.dead_letter_lists import DeadLetterFilter
from aeon_jobs.persistence.reads.listing import Filter
from tests.rows import add_job, end_all, rows, start, value

MANY = 2 * PORTION + 100
LATER = "UPDATE jobs SET scheduled_at = now() + interval '1 day'"


def seed(database: Database, count: int, job_type: str = "report") -> None:
    sql = "INSERT INTO jobs (job_type, payload) SELECT :type, '{}' FROM generate_series(1, :count)"
    rows(database, sql, type=job_type, count=count)


def seed_dead_letters(database: Database, count: int) -> None:
    seed(database, count)
    ids = [row.id for row in rows(database, "SELECT id FROM jobs WHERE status = 'pending'")]
    verdict = failed(Failure("Boom", "no", ""), retries_left=0, delay_ms=0)
    for first in range(0, count, 64):
        end_all(database, [(claimed, verdict) for claimed in start(database, *ids[first : first + 64])])


def begun(database: Database, action: Action, which: Which, reason: str | None = None, **options: object) -> int:
    with database.transaction() as connection:
        return begin(connection, action, which, options, by="ann", reason=reason).id


def now(database: Database, change_id: int) -> BulkChange:
    with database.connection() as connection:
        found = bulk_changes.get(connection, change_id)
    assert found
    return found


def test_everything_that_matches_is_changed_in_portions_and_nothing_else(database: Database) -> None:
    seed(database, MANY)
    seed(database, 3, "other")
    number = begun(database, "cancel", Filter(job_type="report"), "wrong template")
    late = add_job(database, job_type="report")

    steps = []
    while go_on(database, 0):
        steps.append(now(database, number).changed)

    assert steps == [PORTION, 2 * PORTION, MANY]
    ended = now(database, number)
    assert (ended.matched, ended.looked_at, ended.changed, ended.error) == (MANY, MANY, MANY, None)
    assert ended.finished_at
    left = rows(database, "SELECT job_type, count(*) FROM jobs WHERE status = 'pending' GROUP BY 1 ORDER BY 1")
    assert left == [("other", 3), ("report", 1)]
    assert value(database, "SELECT status::text FROM jobs WHERE id = :id", id=late) == "pending"
    assert value(database, "SELECT count(*) FROM jobs WHERE cancel_reason = 'wrong template'") == MANY
    noted = rows(database, "SELECT action, actor, (after ->> 'changed')::int FROM job_audit_log ORDER BY id")
    assert noted == [("jobs.cancel", "ann", count) for count in (PORTION, PORTION, 100)]


def test_several_processes_share_the_work_and_change_each_job_once(database: Database) -> None:
    seed(database, MANY)
    number = begun(database, "change", Filter(job_type="report"), priority=7)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: go_on(database, 10), range(4)))
    assert (now(database, number).changed, go_on(database, 0)) == (MANY, False)
    assert value(database, "SELECT sum((after ->> 'changed')::int) FROM job_audit_log") == MANY
    assert value(database, "SELECT count(*) FROM jobs WHERE priority = 7") == MANY


def test_a_portion_that_fails_in_the_middle_leaves_nothing_and_is_made_again(database: Database) -> None:
    """A job's row is locked by somebody else, for longer than a statement may take."""
    seed(database, 10)
    number = begun(database, "cancel", Filter(job_type="report"))
    with database.transaction() as holder:
        rows(holder, "SELECT FROM jobs ORDER BY id DESC LIMIT 1 FOR UPDATE")
        assert go_on(database, 0)  # something is left
    assert (now(database, number).looked_at, now(database, number).finished_at) == (0, None)
    assert go_on(database, 0)
    assert now(database, number).changed == 10


def test_one_that_cannot_go_on_says_why_and_does_not_stop_others(database: Database) -> None:
    seed(database, 2)
    broken = begun(database, "cancel", Filter(job_type="report"))
    rows(database, """UPDATE job_bulk_changes SET filter = '{"nonsense": 1}'""")
    sound = begun(database, "cancel", Filter(job_type="report"))
    while go_on(database, 1):
        pass
    assert "nonsense" in (now(database, broken).error or "")
    assert now(database, broken).finished_at
    assert now(database, sound).changed == 2


def test_one_that_is_stopped_leaves_the_rest_alone(database: Database) -> None:
    seed(database, MANY)
    number = begun(database, "cancel", Filter(job_type="report"))
    go_on(database, 0)
    with database.transaction() as connection:
        stopped = bulk_changes.stop(connection, number, by="bob")
        again = bulk_changes.stop(connection, number, by="eve")
    assert not go_on(database, 1)
    assert stopped
    assert again
    assert (stopped.changed, stopped.stopped_by, again.stopped_by) == (PORTION, "bob", "bob")
    assert value(database, "SELECT count(*) FROM jobs WHERE status = 'pending'") == MANY - PORTION


def test_a_pace_goes_on_from_portion_to_portion(database: Database) -> None:
    seed(database, MANY)
    rows(database, "UPDATE jobs SET status = 'cancelled', completed_at = now()")
    begun(database, "retry", Filter(job_type="report"), per_second=10)
    while go_on(database, 1):
        pass
    span = "SELECT round(extract(epoch FROM max(scheduled_at) - min(scheduled_at))), count(DISTINCT scheduled_at) FROM jobs"
    assert rows(database, span) == [(round((MANY - 1) / 10), MANY)]


def test_dead_letters_are_requeued_and_discarded(database: Database) -> None:
    seed_dead_letters(database, 40)
    rows(database, "UPDATE dead_letter_jobs SET fingerprint = CASE WHEN id % 2 = 0 THEN 'a' ELSE 'b' END")
    requeued = begun(database, "requeue", DeadLetterFilter(fingerprint="a"))
    discarded = begun(database, "discard", DeadLetterFilter(fingerprint="b"))
    while go_on(database, 1):
        pass
    assert (now(database, requeued).changed, now(database, discarded).changed) == (20, 20)
    found = rows(database, "SELECT resolution, resolved_by, count(*) FROM dead_letter_jobs GROUP BY 1, 2 ORDER BY 1")
    assert found == [("discarded", "ann", 20), ("requeued", "ann", 20)]


def test_old_ones_are_forgotten_when_one_begins(database: Database) -> None:
    old, open_ = (begun(database, "cancel", Filter(job_type="report")) for _ in range(2))
    rows(database, "UPDATE job_bulk_changes SET finished_at = now() - interval '31 days' WHERE id = :id", id=old)
    with database.transaction() as connection:
        new = begin(connection, "cancel", Filter(job_type="report"), {}, by="ann", reason=None, keep_days=30)
        assert [found.id for found in bulk_changes.newest(connection)] == [new.id, open_]


@pytest.mark.parametrize(
    "which",
    [
        Filter(status=("pending", "failed"), metadata={"a": 1}, created_after=datetime(2026, 1, 1, tzinfo=UTC)),
        Filter(id_first="0" * 32, id_last="f" * 32, queue_name="q"),
    ],
)
def test_a_filter_comes_back_as_it_was(database: Database, which: Filter) -> None:
    assert now(database, begun(database, "cancel", which)).which == which


def test_what_is_transient_is_not_noted_as_an_error() -> None:
    """Else a failover would end a bulk change."""
    assert bulk_changes.is_transient(OperationalError("", None, Exception()))
