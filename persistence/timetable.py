"""The schedules as a list: look, change, run one now, delete. `schedules` makes them and turns them into jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Table, select

from persistence import jobs, schedules
from persistence.database import run
from persistence.errors import InvalidJob, JobsError
from persistence.models import JobSchedule

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


def is_taken(connection: Connection, name: str) -> bool:
    """Whether a schedule of that name exists."""
    found = connection.execute(select(_SCHEDULES.c.id).where(_SCHEDULES.c.name == name)).one_or_none()
    return found is not None


def change(connection: Connection, schedule_id: UUID, changes: Mapping[str, Any], now: datetime) -> JobSchedule:
    """Change fields of a schedule. Its next run is computed anew when the cron line, the zone or `enabled` changed:
    what fell due while it was switched off is not made up for.

    Raises:
        ScheduleNotFound
        InvalidJob: the cron line or the time zone is not usable, or the payload does not fit the job type.
    """
    before = get(connection, schedule_id, lock=True)
    after = {**before.model_dump(), **changes}
    jobs.check_payload(connection, after["job_type"], after["payload"])
    if {"cron", "timezone", "enabled"} & changes.keys():
        after["next_run_at"] = next(schedules.upcoming(after["cron"], after["timezone"], now), None)
        if after["next_run_at"] is None:
            raise InvalidJob.at("cron", "never comes due")
    run(connection, "change_schedule", {**after, "payload": json.dumps(after["payload"]), "id": schedule_id})
    return get(connection, schedule_id)


def delete(connection: Connection, schedule_id: UUID) -> None:
    """Delete a schedule; the jobs that it made stay.

    Raises:
        ScheduleNotFound
    """
    if not run(connection, "delete_schedule", {"id": schedule_id}).rowcount:
        raise ScheduleNotFound(schedule_id)


def run_now(connection: Connection, schedule_id: UUID, by: str) -> jobs.Submitted:
    """Make a job of a schedule at once, beside its due moments.

    Raises:
        ScheduleNotFound
        InvalidJob: its payload does not fit the job type any more.
    """
    schedule = get(connection, schedule_id)
    new = jobs.NewJob(
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
