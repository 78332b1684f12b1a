"""Schedules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from aeon_jobs.api.client import views
from aeon_jobs.ops.cli.database.likeness import like
from aeon_jobs.ops.cli.database.office import Office
from aeon_jobs.persistence.queue import schedules, timetable
from aeon_jobs.persistence.queue.schedules import NewSchedule


class Schedules(Office):
    def schedules(self) -> list[views.Schedule]:
        with self.database.connection() as connection:
            return [like(views.Schedule, row) for row in timetable.every(connection)]

    def upcoming(self, schedule_id: UUID, count: int = 10) -> list[datetime]:
        with self.database.connection() as connection:
            row = timetable.get(connection, schedule_id)
        return list(islice(schedules.upcoming(row.cron, row.timezone, datetime.now(UTC)), count))

    def create_schedule(self, fields: Mapping[str, Any]) -> views.Schedule:
        with self.database.transaction() as connection:
            new = NewSchedule(**fields, created_by=self.actor)
            schedule_id = schedules.create(connection, new, datetime.now(UTC))
            self.note(connection, "schedule.create", ("schedule", schedule_id), after=dict(fields))
            return like(views.Schedule, timetable.get(connection, schedule_id))

    def change_schedule(self, schedule_id: UUID, changes: Mapping[str, Any]) -> views.Schedule:
        with self.database.transaction() as connection:
            before = timetable.get(connection, schedule_id, lock=True)
            known = {name: getattr(before, name) for name in changes}
            row = timetable.change(connection, schedule_id, changes, datetime.now(UTC))
            self.note(connection, "schedule.change", ("schedule", schedule_id), before=known, after=dict(changes))
            return like(views.Schedule, row)

    def delete_schedule(self, schedule_id: UUID) -> None:
        with self.database.transaction() as connection:
            before = like(views.Schedule, timetable.get(connection, schedule_id, lock=True))
            timetable.delete(connection, schedule_id)
            known = {"name": before.name, "cron": before.cron, "job_type": before.job_type}
            self.note(connection, "schedule.delete", ("schedule", schedule_id), before=known)

    def run_schedule(self, schedule_id: UUID) -> views.Submitted:
        with self.database.transaction() as connection:
            stored = timetable.run_now(connection, schedule_id, by=self.actor)
            after = {"job_id": str(stored.id)}
            self.note(connection, "schedule.run", ("schedule", schedule_id), after=after)
        self.hints.job_ready()
        return like(views.Submitted, stored, job_id=stored.id)
