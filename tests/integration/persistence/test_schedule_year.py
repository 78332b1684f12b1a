"""The schedules of the oracle, with rows and ticks: through both changes of their clocks, every due time has one job. The
first tick after it makes the job. `make rehearse-year` does it for every month of the year.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.schedules import repository
from aeon_jobs.persistence.schedules import tick as ticks
from aeon_jobs.persistence.schedules.definitions import NewSchedule
from tests.rows import register, rows
from tests.unit.persistence.test_timetable_oracle import CASES, END, START, STEP, oracle

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HALF_A_DAY = DAY / 2
INSTANT = timedelta(microseconds=1)
MONTHS = [*(datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 13)), END - HOUR]


def spans(zone: str) -> Iterator[tuple[datetime, datetime]]:
    """Half a day before and after each change of the clock; where it does not change, the first day. Or every month."""
    if "REHEARSE_YEAR" in os.environ:
        yield from pairwise(MONTHS)
        return
    for at in list(changes(zone)) or [START + HALF_A_DAY]:
        yield at - HALF_A_DAY, at + HALF_A_DAY


def changes(zone: str) -> Iterator[datetime]:
    """When the clock changes."""
    where = ZoneInfo(zone)
    for today, tomorrow in pairwise(START + number * DAY for number in range(366)):
        before = today.astimezone(where).utcoffset()
        if tomorrow.astimezone(where).utcoffset() != before:
            times = (today + number * STEP for number in range(1, DAY // STEP + 1))
            yield next(at for at in times if at.astimezone(where).utcoffset() != before)


SPANS = [(zone, *span) for zone in sorted({case.zone for case in CASES}) for span in spans(zone)]


@pytest.mark.parametrize(("zone", "start", "end"), SPANS, ids=[f"{zone} {start:%m-%d}" for zone, start, _ in SPANS])
def test_each_due_time_is_run_once_by_the_first_tick_through_both_changes_of_the_clock(
    database: Database, environment: object, zone: str, start: datetime, end: datetime
) -> None:
    register(database)
    cases = {str(number): case for number, case in enumerate(CASES) if case.zone == zone}
    due = sorted((moment, name) for name, case in cases.items() for moment in oracle(case) if start <= moment <= end)
    with database.transaction() as connection:
        for name, case in cases.items():
            rules = {"cron": case.cron, "timezone": zone, "exclude": case.exclude}
            new = NewSchedule(name=name, job_type="note", catch_up="all", overlap="allow_all", **rules)  # type: ignore[arg-type]
            repository.create(connection, new, start - INSTANT)
    ran, now = 0, start
    while now <= end:
        ran += len(ticks.tick(database, now).submitted)
        assert ran == bisect_right(due, now, key=lambda entry: entry[0]), now
        now += HOUR
    sql = "SELECT j.schedule_run_at, s.name FROM jobs j JOIN job_schedules s ON s.id = j.schedule_id ORDER BY 1, 2"
    assert [tuple(row) for row in rows(database, sql)] == due
