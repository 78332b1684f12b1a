"""How the whole system is doing: depths, workers, the last hour and the last day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from aeon_jobs.persistence.core.database import run

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATE = timedelta(minutes=5)
"""An attempt is seen when its transaction commits, up to so long after its time."""


@dataclass(frozen=True, slots=True)
class Depths:
    pending: int
    """Wait to be run now, those that wait for other jobs included."""
    scheduled: int
    """Wait for a moment in the future."""
    blocked: int
    """Of the pending: wait for other jobs."""
    queued: int
    running: int
    failed: int
    dlq: int
    """Open dead letters."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Finished attempts of a period, of whole minutes. A failure is an attempt that was retried or failed."""

    attempts: int
    completed: int
    failed: int
    error_rate: float
    """failed / attempts; 0 without attempts."""
    mean_duration_s: float | None
    jobs_per_minute: float
    """Completed jobs."""


@dataclass(frozen=True, slots=True)
class TypeStatistics:
    job_type: str
    last_hour: Statistics
    last_24_hours: Statistics


@dataclass(frozen=True, slots=True)
class Activity:
    last_hour: Statistics
    last_24_hours: Statistics
    by_type: list[TypeStatistics]


def depths(connection: Connection) -> Depths:
    """How many jobs are where."""
    return Depths(**run(connection, "reads/overview_depths").mappings().one())


@dataclass(frozen=True, slots=True)
class Attempts:
    """Finished attempts that have type and outcome in common, from `begin` on: of a minute, later of a quarter of an hour."""

    begin: datetime
    job_type: str
    outcome: str
    attempts: int
    seconds: float
    """How long they took together."""


def activity(connection: Connection) -> Activity:
    """What was done in a day. Reads every attempt of it: who asks again and again keeps an `ActivityLog`."""
    log = ActivityLog()
    log.go_on(connection)
    return log.summary()


class ActivityLog:
    """The attempts of a day as counts, so that going on reads the last minutes alone. Time is the server's."""

    def __init__(self) -> None:
        self._now = datetime.min.replace(tzinfo=UTC)
        self._counts: list[Attempts] = []

    def go_on(self, connection: Connection) -> None:
        """Count what happened since the last time."""
        since = _begin(self._now - LATE, minutes=1) if self._counts else None
        newer = [Attempts(**row) for row in run(connection, "reads/overview_attempts", {"since": since}).mappings()]
        self._now = run(connection, "reads/overview_now").scalar_one()
        older = [entry for entry in self._counts if since and self._now - DAY < entry.begin < since]
        self._counts = self._compacted([*older, *newer])

    def summary(self) -> Activity:
        an_hour_ago = self._now - HOUR
        by_type: dict[str, list[Attempts]] = defaultdict(list)
        for entry in self._counts:
            by_type[entry.job_type].append(entry)

        def of_hour(entries: list[Attempts]) -> list[Attempts]:
            return [entry for entry in entries if entry.begin > an_hour_ago]

        return Activity(
            last_hour=_statistics(of_hour(self._counts), HOUR),
            last_24_hours=_statistics(self._counts, DAY),
            by_type=[
                TypeStatistics(job_type, _statistics(of_hour(entries), HOUR), _statistics(entries, DAY))
                for job_type, entries in sorted(by_type.items())
            ],
        )

    def _compacted(self, entries: Iterable[Attempts]) -> list[Attempts]:
        """By the minute only where the hour ends: a day of minutes would be ten times as much to keep."""
        sums: dict[tuple[datetime, str, str], Attempts] = {}
        for entry in entries:
            begin = entry.begin if entry.begin > self._now - HOUR else _begin(entry.begin, minutes=15)
            key = (begin, entry.job_type, entry.outcome)
            known = sums.get(key, Attempts(*key, 0, 0.0))
            sums[key] = Attempts(*key, known.attempts + entry.attempts, known.seconds + entry.seconds)
        return list(sums.values())


def _begin(moment: datetime, *, minutes: int) -> datetime:
    return moment.replace(minute=moment.minute - moment.minute % minutes, second=0, microsecond=0)


def _statistics(chosen: Sequence[Attempts], period: timedelta) -> Statistics:
    attempts = _count(chosen)
    completed = _count(entry for entry in chosen if entry.outcome == "completed")
    failed = _count(entry for entry in chosen if entry.outcome in {"retried", "failed"})
    seconds = sum(entry.seconds for entry in chosen)
    return Statistics(
        attempts=attempts,
        completed=completed,
        failed=failed,
        error_rate=failed / attempts if attempts else 0.0,
        mean_duration_s=seconds / attempts if attempts else None,
        jobs_per_minute=completed / (period.total_seconds() / 60),
    )


def _count(entries: Iterable[Attempts]) -> int:
    return sum(entry.attempts for entry in entries)
