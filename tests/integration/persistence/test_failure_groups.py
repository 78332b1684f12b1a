"""Failures by cause: counts, a chart, the first and the last, a sample."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aeon_jobs import Jobs
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.reads import failure_groups
from aeon_jobs.persistence.reads.failure_groups import FailureGroups
from tests.rows import add_job, register, rows

DAY = timedelta(days=1)


def dead(database: Database, fingerprint: str | None, age: str, *, is_open: bool = True, message: str = "no") -> None:
    rows(
        database,
        "INSERT INTO dead_letter_jobs (job_id, job_type, reason, error_type, error_message, traceback, fingerprint,"
        " created_at, resolved_at, resolution) VALUES (:id, 'note', 'permanent', 'Boom', :message, 'Trace', :fingerprint,"
        " now() - CAST(:age AS interval), CASE WHEN NOT :open THEN now() END, CASE WHEN NOT :open THEN 'discarded' END)",
        id=add_job(database, status="failed"),
        fingerprint=fingerprint,
        age=age,
        open=is_open,
        message=message,
    )


def read(database: Database, **options: int) -> FailureGroups:
    with database.connection() as connection:
        return failure_groups.read(connection, DAY, **options)


def test_dead_letters_of_one_cause_are_a_group_the_one_with_most_open_ones_first(database: Database) -> None:
    register(database)
    dead(database, "once", "1 minute")
    for age, is_open in (("90 days", True), ("23 hours 55 minutes", False), ("90 minutes", True), ("80 minutes", True)):
        dead(database, "often", age, is_open=is_open, message=age)
    dead(database, "mended", "2 hours", is_open=False)
    dead(database, "forgotten", "30 hours", is_open=False)
    dead(database, None, "1 hour 59 minutes")

    found = read(database)
    assert (found.step_s, found.is_capped) == (3_600, False)
    assert [(group.fingerprint, group.open, group.count) for group in found.groups] == [
        ("often", 3, 3),
        (None, 1, 1),
        ("once", 1, 1),
        ("mended", 0, 1),
    ]
    often = found.groups[0]
    assert often.chart == [1, *[0] * 21, 2, 0]
    assert (often.job_type, often.reason, often.error_type, often.traceback) == ("note", "permanent", "Boom", "Trace")
    assert often.error_message == "80 minutes"
    assert (often.last_seen_at - often.first_seen_at) > 89 * DAY
    assert often.job_id is not None


def test_of_very_many_the_newest_are_counted_and_it_is_said(database: Database) -> None:
    for number in range(5):
        dead(database, "x", f"{number} hours")
    found = read(database, most=3)
    assert found.is_capped
    (group,) = found.groups
    assert (group.open, group.count, sum(group.chart)) == (5, 3, 3)


def test_without_dead_letters_there_is_no_group(database: Database) -> None:
    assert read(database) == FailureGroups(3_600, False, [])


def test_no_such_period(database: Database, environment: Settings) -> None:
    with Jobs.from_settings(environment) as jobs, pytest.raises(InvalidJob, match="period: must be 24h, 7d or 30d"):
        jobs.failure_groups("1y")  # type: ignore[arg-type]
