"""Backfill: the runs of a past span. What ran does not run again, so a second backfill changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.schedules import runs
from aeon_jobs.persistence.schedules.definitions import timetable_of
from aeon_jobs.persistence.schedules.policy import Overlap
from aeon_jobs.persistence.schedules.runs import Decision

MAX_RUNS = 1_000
"""Most due times of one backfill: it is one transaction."""


@dataclass(frozen=True, slots=True)
class Backfilled:
    due_times: int
    """In the span."""
    submitted: list[UUID]
    """Jobs, in the order of their due times."""
    skipped: int
    """By the overlap policy."""
    decided_before: int
    """They ran, or an earlier backfill skipped them."""
    cancelled: list[UUID]


def backfill(
    connection: Connection,
    schedule: Row[Any],
    start: datetime,
    end: datetime,
    now: datetime,
    *,
    overlap: Overlap = "buffer_all",
    by: str | None = None,
) -> Backfilled:
    """Run the due times from `start` to `end`, both inclusive. The schedule's row must be locked.

    Raises:
        InvalidJob: the span is empty, in the future, or has too many due times; or the schedule cannot run. Roll back.
    """
    if end < start:
        raise InvalidJob.at("end", "must not be before start")
    if end > now:
        raise InvalidJob.at("end", "must be in the past")
    moments = _moments(schedule, start, end)
    found = [runs.decide(connection, schedule, moment, origin="backfill", overlap=overlap, by=by) for moment in moments]
    decisions = [decision for decision in found if decision is not None]
    return Backfilled(
        due_times=len(moments),
        submitted=[decision.job.id for decision in decisions if decision.job],
        skipped=sum(decision.outcome == "skipped" for decision in decisions),
        decided_before=len(moments) - len(decisions),
        cancelled=list(_cancelled(decisions)),
    )


def _moments(schedule: Row[Any], start: datetime, end: datetime) -> list[datetime]:
    after = timetable_of(schedule).after(start - timedelta(microseconds=1))
    moments = list(islice(takewhile(lambda moment: moment <= end, after), MAX_RUNS + 1))
    if len(moments) > MAX_RUNS:
        raise InvalidJob.at(
            "end", f"must leave at most {MAX_RUNS} due times in the span; the last may be {moments[-2]}"
        )
    return moments


def _cancelled(decisions: list[Decision]) -> Iterator[UUID]:
    for decision in decisions:
        yield from decision.cancelled
