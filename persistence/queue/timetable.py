"""The schedules as a list: look, change, run one now, delete. `schedules` makes them and turns them into jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg2.errors import UniqueViolation
from sqlalchemy import Connection, RowMapping, Table, select
from sqlalchemy.exc import IntegrityError

from aeon_jobs.persistence.core.database import run
from aeon_jobs.persistence.core.errors import JobsError, NameTaken
from aeon_jobs.persistence.core.models import JobSchedule
from aeon_jobs.persistence.queue import jobs, schedules, submissions
from aeon_jobs.persistence.queue.schedules import NewSchedule

_SCHEDULES: Table = JobSchedule.__table__  # type: ignore[attr-defined]


class ScheduleNotFound(JobsError, LookupError):
    def __init__(self, schedule_id: UUID) -> None:
        super().__init__(f"no schedule with id {schedule_id}")


def every(connection: Connection) -> list[JobSchedule]:
    """All schedules, by name."""
    rows = connection.execute(select(_SCHEDULES).order_by(_SCHEDULES.c.name)).mappings()
    return [_schedule(row) for row in rows]


def get(connection: Connection, schedule_id: UUID, *, lock: bool = False) -> JobSchedule:
    """
    Raises:
        ScheduleNotFound
    """
    wanted = select(_SCHEDULES).where(_SCHEDULES.c.id == schedule_id)
    row = connection.execute(wanted.with_for_update() if lock else wanted).mappings().one_or_none()
    if row is None:
        raise ScheduleNotFound(schedule_id)
    return _schedule(row)


def change(connection: Connection, schedule_id: UUID, changes: Mapping[str, Any], now: datetime) -> JobSchedule:
    """Change fields of a schedule. Its next run is computed anew when the cron line, the zone or `enabled` changed:
    what fell due while it was switched off is not made up for.

    Raises:
        ScheduleNotFound
        InvalidJob: as for a new one.
        NameTaken
    """
    before = get(connection, schedule_id, lock=True)
    after = {**before.model_dump(), **changes}
    # One that cannot be run any more can still be switched off.
    if changes != {"enabled": False}:
        fields = {name: after[name] for name in NewSchedule.__dataclass_fields__}
        first = schedules.check(connection, NewSchedule(**fields), now)
        if {"cron", "timezone", "enabled"} & changes.keys():
            after["next_run_at"] = first
    try:
        run(connection, "queue/change_schedule", {**after, "payload": json.dumps(after["payload"]), "id": schedule_id})
    except IntegrityError as error:
        if not isinstance(error.orig, UniqueViolation):
            raise
        raise NameTaken("schedule", after["name"]) from None
    return get(connection, schedule_id)


def delete(connection: Connection, schedule_id: UUID) -> None:
    """Delete a schedule; the jobs that it made stay.

    Raises:
        ScheduleNotFound
    """
    if not run(connection, "queue/delete_schedule", {"id": schedule_id}).rowcount:
        raise ScheduleNotFound(schedule_id)


def run_now(connection: Connection, schedule_id: UUID, by: str) -> submissions.Submitted:
    """Make a job of a schedule at once, beside its due moments.

    Raises:
        ScheduleNotFound
        InvalidJob: its payload does not fit the job type any more.
    """
    schedule = get(connection, schedule_id)
    new = submissions.NewJob(
        job_type=schedule.job_type,
        payload=schedule.payload,
        priority=schedule.priority,
        max_retries=schedule.max_retries,
        timeout_ms=schedule.timeout_ms,
        metadata={**schedule.meta, "schedule": schedule.name},
        created_by=by,
    )
    return jobs.submit(connection, new)


def _schedule(row: RowMapping) -> JobSchedule:
    fields = dict(row)
    fields["meta"] = fields.pop("metadata")
    return JobSchedule(**fields)
