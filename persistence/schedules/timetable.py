"""A timetable: rules become due times. Pure; all times go in and come out in UTC.

A rule is a cron line or an interval. A timetable has one rule on each line, a time zone, a start, an end, and exclusions.

    0 9 * * 1-5                minute hour day month weekday, on the clock of the time zone
    */10 * * * * *             the same with seconds before it
    @daily                     as in crontab(5)
    every 90s                  every 1h30m, every 1d …: counted from 1970-01-01T00:00Z, whatever the time zone
    every 1h offset 5m         five minutes past each of them

When clocks change: a line whose hour field begins with `*` follows the time that passes. It runs at each moment at which the
clock shows a time of it. Every other line runs once for each local time of it: one that the clock leaves out at the moment of
the jump, one that comes twice at the first of the two. These are the rules of Debian's cron. An interval knows no clock.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from aeon_jobs.persistence.core.errors import InvalidJob

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
"""As in crontab(5)."""
MAX_RULES = 50
MAX_INTERVAL = timedelta(days=366)
_MOST_EXCLUDED = 50_000
"""After so many excluded minutes or days in a row, nothing comes due any more."""
_LOOK_BACK = [timedelta(seconds=60**power) for power in (1, 2, 3, 4)] + [timedelta(days=366 * 50)]
_SIZES = (7, 12, 31, 24, 60, 60)
"""Of the fields of a cron line, from the last to the first."""
_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = r"(?:\d+[wdhms])+"
_INTERVAL = re.compile(rf"every ({_DURATION})(?: offset ({_DURATION}))?")
_DATES = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?")

After = Callable[[datetime], Iterator[datetime]]
"""The due times after a moment, ascending."""
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Timetable:
    rules: Sequence[After]
    zone: ZoneInfo
    exclusions: Sequence[Exclusion] = ()
    start_at: datetime | None = None
    end_at: datetime | None = None

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Due times after `moment`, ascending; each once, if several rules name it."""
        at = moment.astimezone(UTC)
        if self.start_at is not None:
            at = max(at, self.start_at.astimezone(UTC) - timedelta(microseconds=1))
        end = self.end_at
        return takewhile(lambda due: end is None or due <= end, self._wanted(at))

    def latest(self, now: datetime, since: datetime) -> datetime:
        """The last due time from `since`, which is one, to `now`. A rest of years costs no more than one of a minute."""
        now, since = now.astimezone(UTC), since.astimezone(UTC)
        for span in _LOOK_BACK:
            begin = max(since, now - span)
            found = since
            for due in takewhile(lambda due: due <= now, self.after(begin)):
                found = due
            if found > since or begin == since:
                break
        return found

    def _wanted(self, at: datetime) -> Iterator[datetime]:
        excluded = 0
        while excluded < _MOST_EXCLUDED:
            for due in self._merged(at):
                if (span := self._excluded(due)) is not None:
                    excluded += 1
                    at = span[1] - timedelta(microseconds=1)
                    break
                excluded = 0
                yield due
            else:
                return

    def _merged(self, at: datetime) -> Iterator[datetime]:
        last = at
        for due in heapq.merge(*(rule(at) for rule in self.rules)):
            if due > last:
                yield due
                last = due

    def _excluded(self, due: datetime) -> Span | None:
        if not self.exclusions:
            return None
        local = due.astimezone(self.zone).replace(tzinfo=None)
        for exclusion in self.exclusions:
            if (span := exclusion.span(local)) is not None:
                first, last = (_real(clock, self.zone) for clock in span)
                return first, max(last, due + _SECOND)
        return None


@dataclass(frozen=True)
class Exclusion:
    """Days, or the minutes of a cron line. Local times."""

    covers: Callable[[datetime], bool]
    is_of_days: bool

    def span(self, local: datetime) -> Span | None:
        """The day or the minute that is excluded, if this time is."""
        if not self.covers(local):
            return None
        if self.is_of_days:
            begin = local.replace(hour=0, minute=0, second=0, microsecond=0)
            return begin, begin + timedelta(days=1)
        begin = local.replace(second=0, microsecond=0)
        return begin, begin + timedelta(minutes=1)


@dataclass(frozen=True)
class _Interval:
    every: timedelta
    offset: timedelta = field(default_factory=timedelta)

    def __call__(self, moment: datetime) -> Iterator[datetime]:
        count = (moment - _EPOCH - self.offset) // self.every + 1
        while True:
            yield _EPOCH + self.offset + count * self.every
            count += 1


@lru_cache(maxsize=1_000)
def parse(
    cron: str,
    timezone: str,
    exclude: str | None = None,
    start_at: datetime | None = None,
    end_at: datetime | None = None,
) -> Timetable:
    """
    Raises:
        InvalidJob: names `cron`, `timezone` or `exclude`, and the line at fault.
    """
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise InvalidJob.at("timezone", f"{timezone!r:.80} is no IANA time zone") from None
    lines, excluded = _lines(cron), _lines(exclude or "")
    if not lines:
        raise InvalidJob.at("cron", "must have at least one cron line or interval")
    for name, count in (("cron", len(lines)), ("exclude", len(excluded))):
        if count > MAX_RULES:
            raise InvalidJob.at(name, f"must have at most {MAX_RULES} lines, has {count}")
    return Timetable(
        [_rule(line, zone) for line in lines], zone, [_exclusion(line) for line in excluded], start_at, end_at
    )


def duration(text: str) -> timedelta:
    """`1h30m` → 5400 s."""
    return timedelta(seconds=sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([wdhms])", text)))


def _lines(text: str) -> list[str]:
    return [stripped for line in text.split("\n") if (stripped := line.strip())]


def _rule(line: str, zone: ZoneInfo) -> After:
    if line.startswith("every"):
        return _interval(line)
    line = NICKNAMES.get(line, line)
    if (count := len(line.split())) not in (5, 6) and not line.startswith("@"):
        rule = "must have 5 fields (minute hour day month weekday), or 6 with seconds before them"
        raise InvalidJob.at("cron", f"{rule}; {line!r:.80} has {count}")
    _cron(line, "cron")
    _refuse_steps(line)
    hour = line.split()[-4]
    return partial(_by_elapsed_time if hour.startswith("*") else _by_local_time, line, zone)


def _refuse_steps(line: str) -> None:
    """`*/90` is accepted by cron, and means 0: once an hour."""
    for text, size in zip(reversed(line.split()), _SIZES, strict=False):
        for step in re.findall(r"/(\d+)", text):
            if int(step) >= size:
                rule = f"{line!r:.80}: a step must be less than {size} here; for longer ones write such as every 90m"
                raise InvalidJob.at("cron", rule)


def _interval(line: str) -> _Interval:
    if not (parts := _INTERVAL.fullmatch(line)):
        raise InvalidJob.at("cron", f"{line!r:.80} is no interval: such as every 30s, or every 1h30m offset 5m")
    every, offset = duration(parts[1]), duration(parts[2] or "0s")
    if not _SECOND <= every <= MAX_INTERVAL:
        raise InvalidJob.at("cron", f"{line!r:.80}: an interval must be 1 s to 366 days")
    if offset >= every:
        raise InvalidJob.at("cron", f"{line!r:.80}: the offset must be less than the interval")
    return _Interval(every, offset)


def _cron(line: str, name: str, start: datetime = datetime(2000, 1, 1)) -> CronSim:
    try:
        # Without a time zone: what CronSim does about clocks depends on the number of fields.
        return CronSim(line, start)
    except CronSimError as error:
        raise InvalidJob.at(name, f"{line!r:.80} is no cron line: {error}") from None


def _exclusion(line: str) -> Exclusion:
    if days := _DATES.fullmatch(line):
        try:
            first, last = (date.fromisoformat(day) for day in (days[1], days[2] or days[1]))
        except ValueError as error:
            raise InvalidJob.at("exclude", f"{line!r:.80} is no date: {error}") from None
        if last < first:
            raise InvalidJob.at("exclude", f"{line!r:.80}: ends before it begins")
        return Exclusion(lambda local: first <= local.date() <= last, is_of_days=True)
    line = NICKNAMES.get(line, line)
    if (count := len(line.split())) != 5:
        rule = "must be a date (2026-12-24), two dates (2026-12-24..2026-12-26), or a cron line of 5 fields"
        raise InvalidJob.at("exclude", f"{rule}; {line!r:.80} has {count}")
    sim = _cron(line, "exclude")
    whole_days = len(sim.minutes) == 60 and len(sim.hours) == 24

    def covers(local: datetime) -> bool:
        is_day = local.month in sim.months and sim.match_day(local.date())
        return bool(is_day and local.hour in sim.hours and local.minute in sim.minutes)

    return Exclusion(covers, whole_days)


def _by_local_time(line: str, zone: ZoneInfo, moment: datetime) -> Iterator[datetime]:
    last = moment
    for clock in _cron(line, "cron", moment.astimezone(zone).replace(tzinfo=None)):
        due = _real(clock, zone)
        if due > last:
            yield due
            last = due


def _by_elapsed_time(line: str, zone: ZoneInfo, moment: datetime) -> Iterator[datetime]:
    """From one change of the clock to the next, local time is UTC and a constant."""
    at: datetime | None = moment
    while at is not None:
        # Of the time after `at`: a change may be due at the next second.
        offset = _offset(at.replace(microsecond=0) + _SECOND, zone)
        begin, at = at, None
        for clock in _cron(line, "cron", (begin + offset).replace(tzinfo=None)):
            due = clock.replace(tzinfo=UTC) - offset
            if _offset(due, zone) != offset:
                at = _change(begin.replace(microsecond=0) + _SECOND, due, zone) - _SECOND
                break
            yield due


def _real(clock: datetime, zone: ZoneInfo) -> datetime:
    """The first moment at which the clock shows this local time; if it never does, the moment at which it jumps over it."""
    local = clock.replace(tzinfo=zone)
    due = local.astimezone(UTC)
    if due.astimezone(zone).replace(tzinfo=None) == clock:
        return due
    jump = abs((local.replace(fold=1).utcoffset() or timedelta()) - (local.utcoffset() or timedelta()))
    return _change(due - jump, due, zone)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second after `before` at which the offset is another one; at `after`, it is."""
    offset = _offset(before, zone)
    while _offset(step := min(before + timedelta(days=1), after), zone) == offset and step < after:
        before = step
    after = step
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if _offset(middle, zone) == offset:
            before = middle
        else:
            after = middle
    return after
