"""What happened over time: every event is in one span, each span is written once, minutes and hours are sums."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from aeon_jobs import Jobs
from aeon_jobs.persistence.core import migrate
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.metrics import history
from aeon_jobs.persistence.metrics.history import PERIODS, Point
from aeon_jobs.persistence.queue.states import Failure, completed, failed
from tests.rows import add_job, end, register, rows, running_job, value

SILENCE_MS = 20_000
PLACES = 9


def record(database: Database, **options: Any) -> int:
    with database.connection() as connection:
        return history.record(connection, SILENCE_MS, **options)


def later(database: Database, seconds: int) -> None:
    """As if all that is written was written so many seconds ago. In two steps: a span may not meet the one before it."""
    for days in (-1_000, 1_000):
        sql = "UPDATE job_statistics SET begins_at = begins_at + make_interval(days => :days, secs => :seconds)"
        rows(database, sql, days=days, seconds=-seconds if days > 0 else 0)


def read(database: Database, period: str = "5m", kind: history.Kind = "all", name: str = "") -> list[Point]:
    with database.connection() as connection:
        return history.read(connection, PERIODS[period], kind, name).points


def total(points: list[Point], field: str) -> float:
    return sum(getattr(point, field) for point in points)


@pytest.fixture
def begun(database: Database) -> Database:
    """What was before is in the past."""
    register(database)
    record(database)
    later(database, 10)
    return database


def fail(database: Database, retries_left: int) -> None:
    failure = Failure("Boom", "it broke", "Traceback …")
    assert end(database, running_job(database), failed(failure, retries_left=retries_left, delay_ms=60_000))


def test_a_span_has_what_happened_of_all_jobs_of_a_queue_and_of_a_job_type(begun: Database) -> None:
    for _ in range(3):
        assert end(begun, running_job(begun), completed(1))
    fail(begun, retries_left=0)
    fail(begun, retries_left=1)
    running_job(begun)
    add_job(begun)
    assert record(begun) >= 1

    of_all, of_type, of_queue = (
        read(begun),
        read(begun, "5m", "job_type", "note"),
        read(begun, "5m", "queue", "default"),
    )
    for points in (of_all, of_type):
        assert [total(points, name) for name in ("completed", "failed", "retried")] == pytest.approx([3, 1, 1])
        assert 0 <= max(point.run_p95_s or 0 for point in points) <= 0.1
    assert total(of_all, "submitted") == pytest.approx(7)
    # Not of the one that comes back: its wait goes on.
    waits = [point.wait_mean_s for point in of_all]
    assert any(waits)
    assert [point.wait_mean_s or 0 for point in of_queue] == pytest.approx([wait or 0 for wait in waits])
    (now,) = [point for point in of_all if point.ready == 1]
    assert (now.ready_most, now.queued, now.running, now.dead_letters, now.slots) == (1, 0, 1, 1, 0)
    assert read(begun, "5m", "job_type", "other")[-1].completed == 0


def test_a_span_is_written_once_whoever_asks(begun: Database) -> None:
    end(begun, running_job(begun), completed(1))
    with ThreadPoolExecutor(4) as threads:
        written = list(threads.map(lambda _: record(begun), range(8)))
    assert sum(written) in {1, 2}  # 2: a span ended meanwhile
    assert value(
        begun, "SELECT sum(completed) FROM job_statistics WHERE kind = 'all' AND span_s = 10"
    ) == pytest.approx(1)


def test_time_in_which_nobody_asked_gets_an_even_part(begun: Database) -> None:
    for _ in range(4):
        end(begun, running_job(begun), completed(1))
    later(begun, 30)
    assert record(begun) in {4, 5}
    points = [point.completed for point in read(begun) if point.completed]
    assert sum(points) == pytest.approx(4)
    assert max(points) <= 1


def test_a_counter_that_fell_is_counted_from_its_new_beginning(begun: Database) -> None:
    for _ in range(5):
        end(begun, running_job(begun), completed(1))
    record(begun)
    later(begun, 10)
    rows(begun, "DELETE FROM job_counters")
    end(begun, running_job(begun), completed(1))
    record(begun)
    assert value(
        begun, "SELECT sum(completed) FROM job_statistics WHERE kind = 'all' AND span_s = 10"
    ) == pytest.approx(6)


def test_what_waits_is_not_counted_when_counting_is_slow(begun: Database) -> None:
    add_job(begun)
    record(begun, with_depths=False)
    assert rows(begun, "SELECT ready, slots FROM job_statistics ORDER BY begins_at DESC LIMIT 1") == [(None, 0)]


FINE = """
    INSERT INTO job_statistics (span_s, kind, begins_at, name, completed, runs, run_s, ready, ready_most)
    SELECT 10, kind, date_bin('1 hour', now() - interval '1 hour', timestamptz '2000-01-01Z') - n * interval '10 seconds',
        name, 2, array_fill(1::double precision, ARRAY[9]), 3, n % 6, n % 6
    FROM generate_series(1, 360) AS n, (VALUES ('all', ''), ('queue', 'default')) AS names (kind, name)
"""
"""Of the hour before the last one."""


def test_minutes_and_hours_are_sums_and_are_made_again_if_they_are_missing(database: Database) -> None:
    rows(database, FINE)
    record(database)
    sums = "SELECT count(*), sum(completed), sum(run_s), avg(ready), max(ready_most) FROM job_statistics"
    sums += " WHERE span_s = :span AND kind = :kind AND completed > 0"
    for kind in ("all", "queue"):
        assert rows(database, sums, span=60, kind=kind) == [(60, 720, 1_080, 2.5, 5)]
        assert rows(database, sums, span=3_600, kind=kind) == [(1, 720, 1_080, 2.5, 5)]
    runs = "SELECT runs FROM job_statistics WHERE span_s = 3600 AND kind = 'queue'"
    assert rows(database, runs) == [([360.0] * PLACES,)]

    rows(database, "DELETE FROM job_statistics WHERE span_s = 3600")
    later(database, 3_600)
    record(database)
    assert rows(database, sums, span=3_600, kind="queue") == [(1, 720, 1_080, 2.5, 5)]
    assert total(read(database, "7d"), "completed") == 720


@pytest.mark.parametrize(
    ("span_s", "kept", "forgotten"),
    [(10, "20 minutes", "40 minutes"), (60, "47 hours", "49 hours"), (3_600, "30 days", "32 days")],
)
def test_old_spans_are_forgotten(span_s: int, kept: str, forgotten: str, database: Database) -> None:
    sql = "INSERT INTO job_statistics (span_s, kind, begins_at, name)"
    sql += " VALUES (:span, 'job_type', now() - CAST(:age AS interval), :age)"
    for age in (kept, forgotten):
        rows(database, sql, span=span_s, age=age)
    record(database)
    found = rows(database, "SELECT name FROM job_statistics WHERE span_s = :span AND name <> ''", span=span_s)
    assert found == [(kept,)]


def test_what_happened_before_the_migration_is_in_no_span(database: Database) -> None:
    register(database)
    end(database, running_job(database), completed(1))
    migrate.down(database, 16)
    migrate.up(database)
    end(database, running_job(database), completed(1))
    record(database)
    sql = "SELECT completed, submitted FROM job_statistics WHERE kind = 'all' AND span_s = 10"
    assert rows(database, sql) == [(1, 1)]


@pytest.mark.parametrize(("period", "points", "step_s"), [("5m", 30, 10), ("24h", 144, 600), ("7d", 168, 3_600)])
def test_a_period_has_points_at_even_distances(
    period: Any, points: int, step_s: int, database: Database, environment: Settings
) -> None:
    with Jobs.from_settings(environment) as jobs:
        found = jobs.history(period)
    assert (found.period, found.step_s, len(found.points)) == (period, step_s, points)
    begins = [point.begins_at for point in found.points]
    assert {(after - before).total_seconds() for before, after in pairwise(begins)} == {step_s}


def test_a_wrong_question_is_refused(database: Database, environment: Settings) -> None:
    with Jobs.from_settings(environment) as jobs:
        with pytest.raises(InvalidJob, match="period: must be 5m, 1h, 6h, 24h or 7d"):
            jobs.history("1y")  # type: ignore[arg-type]
        with pytest.raises(InvalidJob, match="queue_name: does not go with job_type"):
            jobs.history("1h", job_type="note", queue_name="default")
