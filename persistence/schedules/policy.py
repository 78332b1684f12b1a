"""Policies: what happens to missed due times, and what happens while an earlier run is not over. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Literal
from uuid import UUID

from aeon_jobs.persistence.schedules.timetable import Timetable

CatchUp = Literal["last", "all", "none"]
Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all"]
CATCH_UPS = ("last", "all", "none")
OVERLAPS = ("skip", "buffer_one", "buffer_all", "cancel_other", "allow_all")
ON_TIME = timedelta(seconds=60)
"""A due time is missed when it is later than this. So long may a scheduler be away, and no policy is asked."""
PORTION = 100
"""Most due times in one transaction; the rest follow in the next."""


@dataclass(frozen=True, slots=True)
class Due:
    moments: list[datetime]
    """Due times to run now, ascending."""
    following: datetime | None
    """The next one; None: there is none."""
    missed: datetime | None = None
    """The first due time that is not made up for."""


def due(
    timetable: Timetable, first: datetime, now: datetime, catch_up: CatchUp, window: timedelta | None = None
) -> Due:
    """What to do with the due times from `first`, which is one, to `now`.

    If the first is on time, all run. Otherwise they were missed: `last` runs the latest, `all` runs each, `none` runs the
    latest if it is on time. What is older than `window` does not run.
    """
    first, now = first.astimezone(UTC), now.astimezone(UTC)
    oldest = first if window is None else now - max(window, ON_TIME)
    if catch_up == "all" or now - first < ON_TIME:
        moments = list(islice(takewhile(lambda moment: moment <= now, _from(timetable, first, oldest)), PORTION))
        following = next(timetable.after(moments[-1] if moments else now), None)
        return Due(moments, following, first if moments[:1] != [first] else None)
    latest = timetable.latest(now, first)
    is_wanted = latest >= oldest and (catch_up == "last" or now - latest < ON_TIME)
    is_missed = first != latest or not is_wanted
    return Due([latest] if is_wanted else [], next(timetable.after(now), None), first if is_missed else None)


def _from(timetable: Timetable, first: datetime, oldest: datetime) -> Iterator[datetime]:
    if first >= oldest:
        yield first
    yield from timetable.after(max(first, oldest - timedelta(microseconds=1)))


@dataclass(frozen=True, slots=True)
class Live:
    """An earlier run whose job is not over."""

    job_id: UUID
    status: str
    is_waiting: bool
    """For another job."""
    is_last: bool
    """No later run of the schedule waits for it."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a run starts."""

    after: tuple[UUID, ...] = ()
    """When these jobs are over, however they end."""
    cancels: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Skip:
    reason: str


def overlapping(overlap: Overlap, live: Sequence[Live]) -> Start | Skip:
    """What becomes of a run while others of its schedule are not over."""
    if not live or overlap == "allow_all":
        return Start()
    last = tuple(run.job_id for run in live if run.is_last)
    if overlap == "skip":
        return Skip(f"job {live[-1].job_id} of an earlier run is {live[-1].status}")
    if overlap == "buffer_one" and (waiting := [run for run in live if run.is_waiting]):
        return Skip(f"job {waiting[-1].job_id} of an earlier run waits already")
    return Start(last, tuple(run.job_id for run in live) if overlap == "cancel_other" else ())


def jitter(schedule_id: UUID, due_at: datetime, most_ms: int, following: datetime | None) -> timedelta:
    """How much later a run starts: the same for the same due time, less than `most_ms`, and before the next due time."""
    most = timedelta(milliseconds=most_ms)
    if following is not None:
        most = min(most, following - due_at)
    digest = hashlib.sha256(f"{schedule_id}:{due_at.astimezone(UTC).isoformat()}".encode()).digest()
    return most * (int.from_bytes(digest[:6], "big") / 2**48)


def failures_in_a_row(ends: Sequence[str]) -> int:
    """How many of the runs failed since the last that did not. `ends`: newest first; a cancelled one counts for neither."""
    counted = [end for end in ends if end in ("completed", "failed")]
    return sum(1 for _ in takewhile(lambda end: end == "failed", counted))
