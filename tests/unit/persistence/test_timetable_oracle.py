"""A year of twenty schedules in several time zones, through both changes of the clock, against an oracle.

The oracle knows no cron: it walks through the year by quarters of an hour, and looks at the clock on the wall. What a line
means is written beside it, as the minutes, hours, days, months and weekdays at which it is due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest

from aeon_jobs.persistence.schedules.timetable import parse

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=15)
"""Clocks change by it or by multiples of it, and every line is due at such minutes."""
ANY = range(1_000)
BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
CAIRO, CHATHAM = "Africa/Cairo", "Pacific/Chatham"


@dataclass(frozen=True)
class Case:
    cron: str
    zone: str
    minutes: range | set[int]
    hours: range | set[int] = ANY
    on: Callable[[date], bool] = lambda _: True
    elapsed: bool = False
    """The hour field begins with `*`: it follows the time that passes."""
    exclude: str | None = None

    def is_due(self, local: datetime) -> bool:
        return local.minute in self.minutes and local.hour in self.hours and self.on(local.date())


def monday_to_friday(day: date) -> bool:
    return day.weekday() < 5


CASES = [
    Case("30 2 * * *", BERLIN, {30}, {2}),
    Case("0,30 2,3 * * *", BERLIN, {0, 30}, {2, 3}),
    Case("*/15 2 * * *", BERLIN, {0, 15, 30, 45}, {2}),
    Case("*/30 * * * *", BERLIN, {0, 30}, elapsed=True),
    Case("0 */2 * * *", BERLIN, {0}, set(range(0, 24, 2)), elapsed=True),
    Case("0 9 * * 1-5", NEW_YORK, {0}, {9}, monday_to_friday),
    Case("30 1 * * *", NEW_YORK, {30}, {1}),
    Case("15 1-2 * * 0", NEW_YORK, {15}, {1, 2}, lambda day: day.weekday() == 6),
    Case("0 0 1 * *", NEW_YORK, {0}, {0}, lambda day: day.day == 1),
    Case("15 2 * * *", LORD_HOWE, {15}, {2}),
    Case("45 1 * * *", LORD_HOWE, {45}, {1}),
    Case("15,45 * * * *", LORD_HOWE, {15, 45}, elapsed=True),
    Case("0 */2 * * *", LORD_HOWE, {0}, set(range(0, 24, 2)), elapsed=True),
    Case("0 0 * * *", CAIRO, {0}, {0}),
    Case("30 0 * * 5", CAIRO, {30}, {0}, lambda day: day.weekday() == 4),
    Case("45 2 * * *", CHATHAM, {45}, {2}),
    Case("0 12 29 2 *\n0 12 28 2 *", CHATHAM, {0}, {12}, lambda day: (day.month, day.day) == (2, 28)),
    Case("0 3 * * *", "UTC", {0}, {3}),
    Case("30 5 13 * 5", "Asia/Kolkata", {30}, {5}, lambda day: day.day == 13 or day.weekday() == 4),
    Case("30 2 * * *", BERLIN, {30}, {2}, lambda day: day.month != 12, exclude="2026-12-01..2026-12-31\n* * * 12 *"),
]


def test_there_are_twenty_in_several_zones() -> None:
    assert len(CASES) == 20
    assert len({case.zone for case in CASES}) >= 5


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.cron} {case.zone}")
def test_a_schedule_is_due_when_the_clock_on_the_wall_says_so(case: Case) -> None:
    after = parse(case.cron, case.zone, case.exclude).after(START - timedelta(microseconds=1))
    assert list(takewhile(lambda due: due < END, after)) == list(oracle(case))


def oracle(case: Case) -> Iterator[datetime]:
    seen = set()
    before = None
    for moment, local in year(case.zone):
        skipped = before is not None and local - before > STEP
        if case.elapsed:
            is_due = case.is_due(local)
        else:
            is_due = case.is_due(local) and local not in seen
            # The clock has jumped: over a time that was due?
            if skipped and before is not None:
                is_due |= any(case.is_due(before + n * STEP) for n in range(1, (local - before) // STEP))
        if is_due:
            seen.add(local)
            yield moment
        before = local


@cache
def year(zone: str) -> list[tuple[datetime, datetime]]:
    """Each quarter of an hour of the year, with the clock on the wall."""
    found, moment, where = [], START, ZoneInfo(zone)
    while moment < END:
        local = moment.astimezone(where).replace(tzinfo=None)
        found.append((moment, local))
        moment += STEP
    return found
