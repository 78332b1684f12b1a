"""The schedules of the oracle, with rows and ticks: through both changes of their clocks, every due time has one job. The
first tick after it makes the job. `make rehearse-year` does it for the whole year.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.schedules import repository
from aeon_jobs.persistence.schedules import tick as ticks
from aeon_jobs.persistence.schedules.definitions import NewSchedule
from tests.reused_database import database_url, reused_database  # noqa: F401
from tests.rows import register, rows
from tests.unit.persistence.test_timetable_oracle import CASES, END, START, STEP, oracle, year

WHOLE_YEAR = "REHEARSE_YEAR" in os.environ
HOUR, HALF_A_DAY = timedelta(hours=1), timedelta(hours=12)
INSTANT = timedelta(microseconds=1)


def spans(zone: str) -> Iterator[tuple[datetime, datetime]]:
    """Half a day before and after each change of the clock; where it does not change, the first day."""
    if WHOLE_YEAR:
        yield START, END - STEP
        return
    changes = [at for (_, before), (at, local) in pairwise(year(zone)) if local - before != STEP]
    yield from ((at - HALF_A_DAY, at + HALF_A_DAY) for at in changes or [START + HALF_A_DAY])


@pytest.mark.timeout(1_800 if WHOLE_YEAR else 60)
@pytest.mark.parametrize("zone", sorted({case.zone for case in CASES}))
def test_each_due_time_is_run_once_by_the_first_tick_through_both_changes_of_the_clock(
    database: Database, environment: object, zone: str
) -> None:
    register(database)
    cases = {str(number): case for number, case in enumerate(CASES) if case.zone == zone}
    for start, end in spans(zone):
        due = sorted(
            (moment, name) for name, case in cases.items() for moment in oracle(case) if start <= moment <= end
        )
        with database.transaction() as connection:
            for name, case in cases.items():
                new = NewSchedule(
                    name=name,
                    job_type="note",
                    cron=case.cron,
                    timezone=zone,
                    exclude=case.exclude,
                    catch_up="all",
                    overlap="allow_all",
                )
                repository.create(connection, new, start - INSTANT)
        ran, now = 0, start
        while now <= end:
            ran += len(ticks.tick(database, now).submitted)
            assert ran == sum(moment <= now for moment, _ in due), now
            now += HOUR
        found = rows(
            database,
            "SELECT j.schedule_run_at, s.name FROM jobs j JOIN job_schedules s ON s.id = j.schedule_id ORDER BY 1, 2",
        )
        assert [tuple(row) for row in found] == [entry for entry in due if entry[0] <= now - HOUR]
        rows(database, "DELETE FROM jobs")
        rows(database, "DELETE FROM job_schedules")
