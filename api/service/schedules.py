"""Schedules: cron lines that become jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from aeon_jobs.api.contract import NewSchedule, Schedule, ScheduleChange, Submitted
from aeon_jobs.api.service.core.use_cases import UseCases, shown
from aeon_jobs.api.service.core.validation import read
from aeon_jobs.api.service.core.versions import refuse_changed
from aeon_jobs.api.service.submissions import submitted
from aeon_jobs.persistence.queue import schedules, timetable


class ScheduleUseCases(UseCases):
    def schedules(self) -> list[Schedule]:
        """All schedules, by name."""
        with self.context.database.connection() as connection:
            return [shown(Schedule, row) for row in timetable.every(connection)]

    def schedule(self, schedule_id: UUID) -> Schedule:
        """
        Raises:
            ScheduleNotFound
        """
        with self.context.database.connection() as connection:
            return shown(Schedule, timetable.get(connection, schedule_id))

    def upcoming(self, schedule_id: UUID, count: int = 10) -> list[datetime]:
        """Its next moments.

        Raises:
            ScheduleNotFound
        """
        with self.context.database.connection() as connection:
            row = timetable.get(connection, schedule_id)
        return list(islice(schedules.upcoming(row.cron, row.timezone, datetime.now(UTC)), count))

    def create_schedule(self, fields: Mapping[str, Any]) -> Schedule:
        """Make a schedule of the fields of `contract.NewSchedule`.

        Raises:
            InvalidJob
            NameTaken
        """
        return self.create_schedule_as(read(NewSchedule, dict(fields)))

    def create_schedule_as(self, new: NewSchedule) -> Schedule:
        """As `create_schedule`, of a request that is valid."""
        given = asdict(new)
        with self.context.database.transaction() as connection:
            row = schedules.NewSchedule(**given, created_by=self.principal.name)
            schedule_id = schedules.create(connection, row, datetime.now(UTC))
            self._audit(connection, "schedule.create", ("schedule", schedule_id), after=given)
            return shown(Schedule, timetable.get(connection, schedule_id))

    def change_schedule(self, schedule_id: UUID, changes: Mapping[str, Any]) -> Schedule:
        """Change some of those fields; ``enabled: False`` switches it off.

        Raises:
            ScheduleNotFound, InvalidJob, NameTaken, VersionChanged
        """
        return self.change_schedule_as(schedule_id, read(ScheduleChange, dict(changes)))

    def change_schedule_as(self, schedule_id: UUID, change: ScheduleChange) -> Schedule:
        """As `change_schedule`, of a request that is valid."""
        changes = {name: value for name, value in asdict(change).items() if value is not None}
        with self.context.database.transaction() as connection:
            before = timetable.get(connection, schedule_id, lock=True)
            refuse_changed(self.conditions.if_match, before.updated_at)
            row = timetable.change(connection, schedule_id, changes, datetime.now(UTC))
            known = {name: getattr(before, name) for name in changes}
            self._audit(connection, "schedule.change", ("schedule", schedule_id), before=known, after=changes)
            return shown(Schedule, row)

    def delete_schedule(self, schedule_id: UUID) -> None:
        """Delete it; the jobs that it made stay.

        Raises:
            ScheduleNotFound, VersionChanged
        """
        with self.context.database.transaction() as connection:
            before = timetable.get(connection, schedule_id, lock=True)
            refuse_changed(self.conditions.if_match, before.updated_at)
            timetable.delete(connection, schedule_id)
            known = asdict(shown(Schedule, before))
            self._audit(connection, "schedule.delete", ("schedule", schedule_id), before=known)

    def run_schedule(self, schedule_id: UUID) -> Submitted:
        """A job now, beside its due moments; the schedule goes on as it was.

        Raises:
            ScheduleNotFound
            InvalidJob: its payload does not fit the job type any more.
        """
        with self.context.database.transaction() as connection:
            job = timetable.run_now(connection, schedule_id, by=self.principal.name)
            self._audit(connection, "schedule.run", ("schedule", schedule_id), after={"job_id": job.id})
        self.context.notifier.job_ready()
        return submitted(job)
