"""Schedules: rules by which jobs are submitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from aeon_jobs.api.contract import (
    Backfill,
    Backfilled,
    NewSchedule,
    Schedule,
    ScheduleChange,
    ScheduleRun,
    Submitted,
)
from aeon_jobs.api.contract.schedules import Overlap
from aeon_jobs.api.service.core.use_cases import UseCases, shown
from aeon_jobs.api.service.core.validation import read
from aeon_jobs.api.service.core.versions import refuse_changed
from aeon_jobs.api.service.submissions import submitted
from aeon_jobs.persistence.schedules import backfill, definitions, history, repository, runs

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.models import JobSchedule


class ScheduleUseCases(UseCases):
    def schedules(self) -> list[Schedule]:
        """All schedules, by name."""
        with self.context.database.connection() as connection:
            return [_shown(row) for row in repository.every(connection)]

    def schedule(self, schedule_id: UUID) -> Schedule:
        """
        Raises:
            ScheduleNotFound
        """
        with self.context.database.connection() as connection:
            return _shown(repository.get(connection, schedule_id))

    def upcoming(self, schedule_id: UUID, count: int = 10) -> list[datetime]:
        """Its next due times. Those of a paused one are those that it would have.

        Raises:
            ScheduleNotFound
        """
        with self.context.database.connection() as connection:
            row = repository.get(connection, schedule_id)
        return list(islice(definitions.timetable_of(cast(Any, row)).after(datetime.now(UTC)), count))

    def preview_schedule(self, fields: Mapping[str, Any], count: int = 10) -> list[datetime]:
        """The next due times of a schedule of the fields of `contract.NewSchedule`. Nothing is stored.

        Raises:
            InvalidJob: it could not be made.
        """
        return self.preview_schedule_as(read(NewSchedule, dict(fields)), count)

    def preview_schedule_as(self, new: NewSchedule, count: int = 10) -> list[datetime]:
        """As `preview_schedule`, of a request that is valid."""
        row, now = definitions.NewSchedule(**asdict(new)), datetime.now(UTC)
        with self.context.database.connection() as connection:
            definitions.check(connection, row, now)
        return list(islice(definitions.timetable_of(row).after(now), count))

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
            row = definitions.NewSchedule(**given, created_by=self.principal.name)
            schedule_id = repository.create(connection, row, datetime.now(UTC))
            self._audit(connection, "schedule.create", ("schedule", schedule_id), after=given)
            return _shown(repository.get(connection, schedule_id))

    def change_schedule(self, schedule_id: UUID, changes: Mapping[str, Any]) -> Schedule:
        """Change some of those fields; ``enabled: False`` switches it off. None is a value, where a field may be None.

        Raises:
            ScheduleNotFound, InvalidJob, NameTaken, VersionChanged
        """
        return self.change_schedule_as(schedule_id, read(ScheduleChange, dict(changes)))

    def change_schedule_as(self, schedule_id: UUID, change: ScheduleChange) -> Schedule:
        """As `change_schedule`, of a request that is valid."""
        changes = change.given()
        with self.context.database.transaction() as connection:
            before = repository.get(connection, schedule_id, lock=True)
            refuse_changed(self.conditions.if_match, before.updated_at)
            row = repository.change(connection, schedule_id, changes, datetime.now(UTC))
            known = {name: getattr(before, name) for name in changes}
            self._audit(connection, "schedule.change", ("schedule", schedule_id), before=known, after=changes)
            return _shown(row)

    def delete_schedule(self, schedule_id: UUID) -> None:
        """Delete it; the jobs that it made stay.

        Raises:
            ScheduleNotFound, VersionChanged
        """
        with self.context.database.transaction() as connection:
            before = repository.get(connection, schedule_id, lock=True)
            refuse_changed(self.conditions.if_match, before.updated_at)
            repository.delete(connection, schedule_id)
            known = asdict(_shown(before))
            self._audit(connection, "schedule.delete", ("schedule", schedule_id), before=known)

    def run_schedule(self, schedule_id: UUID) -> Submitted:
        """A job now, beside its due moments; the schedule goes on as it was.

        Raises:
            ScheduleNotFound
            InvalidJob: its payload does not fit the job type any more.
        """
        with self.context.database.transaction() as connection:
            row = runs.locked(connection, schedule_id)
            job = runs.run_now(connection, row, datetime.now(UTC), by=self.principal.name)
            self._audit(connection, "schedule.run", ("schedule", schedule_id), after={"job_id": job.id})
        self.context.notifier.job_ready()
        return submitted(job)

    def backfill_schedule(
        self, schedule_id: UUID, start: datetime, end: datetime, *, overlap: Overlap = "buffer_all"
    ) -> Backfilled:
        """Run the due times of a past span, both ends inclusive. What ran does not run again.

        Raises:
            ScheduleNotFound
            InvalidJob: the span is in the future or has more than 1,000 due times, or the schedule cannot run.
        """
        return self.backfill_schedule_as(schedule_id, read(Backfill, {"start": start, "end": end, "overlap": overlap}))

    def backfill_schedule_as(self, schedule_id: UUID, request: Backfill) -> Backfilled:
        """As `backfill_schedule`, of a request that is valid."""
        start, end, overlap, by = request.start, request.end, request.overlap, self.principal.name
        with self.context.database.transaction() as connection:
            row = runs.locked(connection, schedule_id)
            done = backfill.backfill(connection, row, start, end, datetime.now(UTC), overlap=overlap, by=by)
            after = {**asdict(request), "submitted": len(done.submitted)}
            self._audit(connection, "schedule.backfill", ("schedule", schedule_id), after=after)
        for job_id in done.cancelled:
            self.context.notifier.cancel(job_id)
        self.context.notifier.job_ready()
        return shown(Backfilled, done)

    def schedule_runs(self, schedule_id: UUID, count: int = 50, *, before: datetime | None = None) -> list[ScheduleRun]:
        """Its runs, newest due time first; those due before `before`.

        Raises:
            ScheduleNotFound
        """
        with self.context.database.connection() as connection:
            repository.get(connection, schedule_id)
            found = history.page(connection, schedule_id, limit=count, before=before)
        return [shown(ScheduleRun, run) for run in found]


def _shown(row: JobSchedule) -> Schedule:
    return shown(Schedule, row, is_declared=row.declared is not None)
