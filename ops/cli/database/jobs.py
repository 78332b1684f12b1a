"""Jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Connection

from aeon_jobs.api.client import views
from aeon_jobs.api.client.forms import JobFilter, NewJob
from aeon_jobs.ops.cli.backend import SortKey
from aeon_jobs.ops.cli.database.bulk import Work, change_many
from aeon_jobs.ops.cli.database.likeness import job as view
from aeon_jobs.ops.cli.database.likeness import like
from aeon_jobs.ops.cli.database.office import Office
from aeon_jobs.persistence.admin import bulk
from aeon_jobs.persistence.core.errors import JobNotFound
from aeon_jobs.persistence.queue import dead_letters, executions, jobs, pending
from aeon_jobs.persistence.reads import changes, explain, listing

LOOK_EVERY_S = 0.2
LAG = timedelta(seconds=1)
"""Changes younger than this may not be visible in the order of their times yet."""


class Jobs(Office):
    def submit_new(self, new: NewJob) -> views.Submitted:
        with self.database.transaction() as connection:
            stored = jobs.submit(connection, self._new(new))
        self.hints.job_ready()
        return like(views.Submitted, stored, job_id=stored.id)

    def submit_many(self, new: Sequence[NewJob]) -> list[views.Submitted]:
        with self.database.transaction() as connection:
            stored = jobs.submit_many(connection, [self._new(one) for one in new])
        self.hints.job_ready()
        return [like(views.Submitted, one, job_id=one.id) for one in stored]

    def _new(self, new: NewJob) -> jobs.NewJob:
        given = {field.name: getattr(new, field.name) for field in fields(NewJob)}
        return jobs.NewJob(**given, created_by=self.actor)

    def get(self, job_id: UUID) -> views.Job:
        with self.database.connection() as connection:
            return view(jobs.get(connection, job_id), executions.of_job(connection, job_id))

    def page(
        self,
        which: JobFilter | None = None,
        *,
        sort: SortKey = "created_at",
        descending: bool = True,
        limit: int = 200,
        cursor: str | None = None,
    ) -> views.Page[views.JobSummary]:
        with self.database.connection() as connection:
            page = listing.page(
                connection, _filter(which), sort=sort, descending=descending, limit=limit, cursor=cursor
            )
        items = [like(views.JobSummary, row, job_id=row["id"]) for row in page.rows]
        return views.Page(items=items, next_cursor=page.next_cursor)

    def events(self, job_id: UUID) -> Iterator[views.Event]:
        before: changes.Change | None = None
        while before is None or not before.is_final:
            with self.database.connection() as connection:
                found = changes.of_jobs(connection, [job_id])
            if job_id not in found:
                raise JobNotFound(job_id)
            now = found[job_id]
            if before is None or _told(now) != _told(before):
                yield _event(now)
            before = now
            if not now.is_final:
                time.sleep(LOOK_EVERY_S)

    def all_events(self, which: JobFilter | None = None) -> Iterator[views.Event]:
        position = (datetime.now(UTC) - LAG, UUID(int=0))
        while True:
            with self.database.connection() as connection:
                found = changes.since(connection, _filter(which), position, datetime.now(UTC) - LAG)
            for change in found:
                position = change.position
                yield _event(change)
            if len(found) < changes.MOST:
                time.sleep(LOOK_EVERY_S)

    def cancel(self, job_id: UUID, *, reason: str | None = None) -> views.Job:
        def work(connection: Connection, _: str) -> None:
            jobs.cancel(connection, job_id, reason=reason, by=self.actor)

        answer = self._change(job_id, "job.cancel", reason, work)
        if answer.status == "running":
            self.hints.cancel(job_id)
        return answer

    def retry(self, job_id: UUID, *, reason: str | None = None) -> views.Job:
        def work(connection: Connection, status: str) -> None:
            if status == "pending":
                pending.run_now(connection, job_id)
            else:
                dead_letters.requeue(connection, job_id, by=self.actor)

        answer = self._change(job_id, "job.retry", reason, work)
        self.hints.job_ready()
        return answer

    def cancel_many(
        self, target: JobFilter | Sequence[UUID], *, dry_run: bool = False, reason: str | None = None
    ) -> views.BatchAnswer:
        work: Work = partial(bulk.cancel, by=self.actor, reason=reason)
        answer = self._change_many("cancel", target, dry_run, reason, work)
        for item in () if dry_run else answer.items:
            if item.outcome == "requested":
                self.hints.cancel(item.job_id)
        return answer

    def retry_many(
        self,
        target: JobFilter | Sequence[UUID],
        *,
        dry_run: bool = False,
        reason: str | None = None,
        per_second: float | None = None,
        delay_ms: int = 0,
    ) -> views.BatchAnswer:
        work: Work = partial(bulk.requeue, by=self.actor, pace=bulk.pace_of(per_second, delay_ms))
        answer = self._change_many("requeue", target, dry_run, reason, work)
        self.hints.job_ready()
        return answer

    def explain(self, job_id: UUID) -> views.Explanation:
        with self.database.connection() as connection:
            found = explain.explain(connection, job_id, silence_ms=self.silence_ms)
        return like(views.Explanation, found, reasons=[like(views.Reason, reason) for reason in found.reasons])

    def _change(
        self, job_id: UUID, action: str, reason: str | None, work: Callable[[Connection, str], None]
    ) -> views.Job:
        """Do `work` with the job's row locked, and note how its state changed."""
        with self.database.transaction() as connection:
            pending.lock(connection, job_id)
            before = jobs.get(connection, job_id).status
            work(connection, before)
            job = jobs.get(connection, job_id)
            self.note(
                connection,
                action,
                ("job", job_id),
                before={"status": before},
                after={"status": job.status},
                reason=reason,
            )
            return view(job, executions.of_job(connection, job_id))

    def _change_many(
        self, change: bulk.Change, target: JobFilter | Sequence[UUID], dry_run: bool, reason: str | None, work: Work
    ) -> views.BatchAnswer:
        with self.database.transaction() as connection:
            ids = bulk.of_filter(connection, _filter(target), change) if isinstance(target, JobFilter) else list(target)
            return change_many(self, connection, change, ids, dry_run=dry_run, reason=reason, work=work)


def _filter(which: JobFilter | None) -> listing.Filter:
    given = {field.name: getattr(which or JobFilter(), field.name) for field in fields(JobFilter)}
    return listing.Filter(**{**given, "status": tuple(given["status"]), "metadata": dict(given["metadata"])})


def _told(change: changes.Change) -> changes.Change:
    """What an event tells: a lease that was renewed is no news."""
    return replace(change, updated_at=datetime.min)


def _event(change: changes.Change, kind: str = "state") -> views.Event:
    return views.Event(id=None, kind=kind, job=like(views.JobEvent, change))
