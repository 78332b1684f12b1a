"""The rows of schedules: list, create, change, delete."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from psycopg2.errors import UniqueViolation
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import NameTaken
from aeon_jobs.persistence.queue import submissions
from aeon_jobs.persistence.schedules.definitions import FIELDS, TIMING, NewSchedule, ScheduleNotFound, check, overlap_of

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.models import JobSchedule


def every(connection: Connection) -> list[JobSchedule]:
    """All schedules, by name."""
    return cast("list[JobSchedule]", run(connection, "schedules/every").all())


def get(connection: Connection, schedule_id: UUID, *, lock: bool = False) -> JobSchedule:
    """
    Raises:
        ScheduleNotFound
    """
    row = run(connection, "schedules/lock" if lock else "schedules/get", {"id": schedule_id}).one_or_none()
    if row is None:
        raise ScheduleNotFound(schedule_id)
    return cast("JobSchedule", row)


def create(connection: Connection, new: NewSchedule, now: datetime) -> UUID:
    """
    Raises:
        InvalidJob: names every field at fault; a job type that nobody has registered is one.
        NameTaken
    """
    first = check(connection, new, now)
    parameters = {name: getattr(new, name) for name in FIELDS}
    parameters |= {"payload": _encoded(new.payload), "overlap": overlap_of(new), "next_run_at": first}
    schedule_id: UUID | None = run(connection, "schedules/create", parameters).scalar()
    if schedule_id is None:
        raise NameTaken("schedule", new.name)
    return schedule_id


def change(connection: Connection, schedule_id: UUID, changes: Mapping[str, Any], now: datetime) -> JobSchedule:
    """Change fields of a schedule. Its next run is computed anew when one of TIMING changed: what fell due while it was
    switched off is not made up for.

    Raises:
        ScheduleNotFound
        InvalidJob: as for a new one.
        NameTaken
    """
    before = get(connection, schedule_id, lock=True)
    after = {**{name: getattr(before, name) for name in (*FIELDS, "next_run_at", "resumed_at")}, **changes}
    if changes.get("enabled") and not before.enabled:
        after |= {"pause_note": changes.get("pause_note"), "resumed_at": now}
    # One that cannot be run any more can still be switched off.
    if not (changes.keys() <= {"enabled", "pause_note"} and not after["enabled"]):
        new = NewSchedule(**{name: after[name] for name in FIELDS})
        first = check(connection, new, now)
        after["overlap"] = overlap_of(new)
        if TIMING & changes.keys():
            is_over = new.max_runs is not None and before.run_count >= new.max_runs
            after["next_run_at"] = None if is_over else first
    try:
        run(connection, "schedules/change", {**after, "payload": _encoded(after["payload"]), "id": schedule_id})
    except IntegrityError as error:
        if not isinstance(error.orig, UniqueViolation):
            raise
        raise NameTaken("schedule", after["name"]) from None
    return get(connection, schedule_id)


def delete(connection: Connection, schedule_id: UUID) -> None:
    """Delete a schedule and its history; the jobs that it made stay.

    Raises:
        ScheduleNotFound
    """
    if not run(connection, "schedules/delete", {"id": schedule_id}).rowcount:
        raise ScheduleNotFound(schedule_id)


def _encoded(payload: dict[str, Any]) -> str:
    return payloads.encode(payload, "payload", limit=submissions.payload_limit())
