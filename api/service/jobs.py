"""Looking at jobs, and changing one: get, list, find, wait, explain; change, cancel, retry, requeue."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from aeon_jobs.api.contract import Explanation, Job, JobChange, JobFilter, JobSummary, Page, SortKey
from aeon_jobs.api.contract.jobs import ExplanationReason
from aeon_jobs.api.service.core.errors import Forbidden
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.api.service.core.use_cases import UseCases, pages, shown
from aeon_jobs.api.service.core.validation import checked, read
from aeon_jobs.api.service.core.versions import refuse_changed
from aeon_jobs.persistence.archive.returning import bring_back
from aeon_jobs.persistence.core.errors import InvalidJob, JobNotFound, JobNotOver
from aeon_jobs.persistence.queue import dead_letters, jobs, pending
from aeon_jobs.persistence.reads import archived, details, explain, listing, search

if TYPE_CHECKING:
    from aeon_jobs.api.contract.protocol import JobId
    from aeon_jobs.persistence.core.models import Job as JobRow

LOOK_EVERY_S = 0.2
_WATCHED = ("status", "priority", "scheduled_at", "payload", "retry_count")
"""What the audit log tells of a change."""
Work = Callable[[Connection, "JobRow"], "JobRow"]


class JobUseCases(UseCases):
    def get(self, job_id: JobId, *, wait_s: int = 0) -> Job:
        """A job with its attempts; with `wait_s` the answer comes when it is over, or after so long.

        Raises:
            JobNotFound
        """
        deadline = time.monotonic() + wait_s
        while True:
            with self.context.database.connection() as connection:
                job = detail(connection, known_id(job_id))
            left_s = deadline - time.monotonic()
            if job.is_over or left_s <= 0:
                return job
            time.sleep(min(LOOK_EVERY_S, left_s))

    def wait(self, job_id: JobId, timeout_s: float | None = None) -> Job:
        """The job, once it is over.

        Raises:
            JobNotOver: after `timeout_s`; None waits for ever.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            job = self.get(job_id)
            if job.is_over:
                return job
            if deadline is not None and time.monotonic() >= deadline:
                raise JobNotOver(job.job_id, job.status)
            time.sleep(LOOK_EVERY_S)

    def find(self, prefix: str) -> list[JobSummary]:
        """Jobs whose id begins with `prefix` (4 hexadecimal digits at least), ten at most, newest first.

        Raises:
            InvalidJob: it is no beginning of an id.
        """
        with self.context.database.connection() as connection:
            return summaries(details.by_prefix(connection, prefix))

    def page(
        self,
        which: JobFilter | None = None,
        *,
        sort: SortKey = "created_at",
        descending: bool = True,
        limit: int = 200,
        cursor: str | None = None,
        offset: int = 0,
        total: bool = False,
    ) -> Page[JobSummary]:
        """Jobs that match, without payload and result. With `total` they are counted, too, up to 10,000.

        Raises:
            InvalidJob: the filter, or a cursor of another list.
        """
        if not 1 <= limit <= listing.MAX_LIMIT:
            raise InvalidJob.at("limit", f"must be from 1 to {listing.MAX_LIMIT}")
        if which is not None and which.archived:
            return self._archived_page(which, sort, descending, limit, cursor, offset, total)
        if which is not None and which.payload:
            return self._searched_page(which, sort, descending, limit, cursor, offset, total)
        chosen = rows_filter(which)
        with self.context.database.connection() as connection:
            page = listing.page(
                connection, chosen, sort=sort, descending=descending, limit=limit, cursor=cursor, offset=offset
            )
            count = listing.total(connection, chosen) if total else None
        return _page(page, count)

    def _searched_page(
        self,
        which: JobFilter,
        sort: SortKey,
        descending: bool,
        limit: int,
        cursor: str | None,
        offset: int,
        total: bool,
    ) -> Page[JobSummary]:
        if offset:
            raise InvalidJob.at("offset", "does not go with payload: follow next_cursor")
        if total:
            raise InvalidJob.at("total", "does not go with payload: no index has what is in payloads")
        payload = dict(checked(which).payload)
        chosen = rows_filter(replace(which, payload={}))
        with self.context.database.connection() as connection:
            page = search.page(
                connection, chosen, payload, sort=sort, descending=descending, limit=limit, cursor=cursor
            )
        return Page(items=summaries(page.rows), next_cursor=page.next_cursor, is_cut_off=page.is_cut_off)

    def _archived_page(
        self,
        which: JobFilter,
        sort: SortKey,
        descending: bool,
        limit: int,
        cursor: str | None,
        offset: int,
        total: bool,
    ) -> Page[JobSummary]:
        if sort != "created_at":
            raise InvalidJob.at("sort", "must be created_at: archived jobs have no other order")
        if which.workflow_id is not None:
            raise InvalidJob.at("workflow_id", "does not go with archived: no index has it there")
        chosen = rows_filter(replace(which, archived=False))
        with self.context.database.connection() as connection:
            page = archived.page(connection, chosen, descending=descending, limit=limit, cursor=cursor, offset=offset)
            count = archived.total(connection, chosen) if total else None
        return _page(page, count)

    def list(
        self, which: JobFilter | None = None, *, sort: SortKey = "created_at", descending: bool = True, limit: int = 200
    ) -> Iterator[JobSummary]:
        """Every job that matches, page by page of `limit`, each read when it is needed."""
        return pages(lambda cursor: self.page(which, sort=sort, descending=descending, limit=limit, cursor=cursor))

    def json_text(self, job_id: JobId, name: Literal["payload", "result"]) -> str:
        """Payload or result exactly as it is stored.

        Raises:
            JobNotFound
        """
        with self.context.database.connection() as connection:
            return details.text_of(connection, known_id(job_id), name)

    def explain(self, job_id: JobId) -> Explanation:
        """Why it is not running: every reason that holds now.

        Raises:
            JobNotFound
        """
        with self.context.database.connection() as connection:
            found = explain.explain(connection, known_id(job_id), silence_ms=self.context.worker_silence_ms)
        return shown(Explanation, found, reasons=[shown(ExplanationReason, reason) for reason in found.reasons])

    def change(self, job_id: JobId, *, priority: int | None = None, scheduled_at: datetime | None = None) -> Job:
        """Give a pending job another priority, another moment, or both.

        Raises:
            JobNotFound, InvalidJob
            WrongState: it is not pending.
            VersionChanged
        """
        given = {"priority": priority, "scheduled_at": scheduled_at}
        return self.change_as(job_id, checked_change(given))

    def change_as(self, job_id: JobId, change: JobChange) -> Job:
        """As `change`, of a request that is valid."""

        def work(connection: Connection, job: JobRow) -> JobRow:
            return pending.change(connection, job.id, priority=change.priority, scheduled_at=change.scheduled_at)

        answer = self._change(job_id, "job.change", None, work)
        self.context.notifier.job_ready()
        return answer

    def cancel(self, job_id: JobId, *, reason: str | None = None) -> Job:
        """Cancel a job; one that runs is asked to stop, and stays `running` in the answer. A submitter may cancel its own.

        Raises:
            JobNotFound, Forbidden, VersionChanged
            WrongState: it is over.
        """

        def work(connection: Connection, job: JobRow) -> JobRow:
            if not self.principal.may(Role.OPERATOR) and job.created_by != self.principal.name:
                raise Forbidden(self.principal, Role.OPERATOR)
            return jobs.cancel(connection, job.id, reason=reason, by=self.principal.name)

        answer = self._change(job_id, "job.cancel", reason, work)
        if answer.status == "running":
            self.context.notifier.cancel(answer.job_id)
        return answer

    def retry(self, job_id: JobId, *, reason: str | None = None) -> Job:
        """Run it now: a pending job need not wait for its moment any longer, a failed or cancelled one gets a new life.

        Raises:
            JobNotFound, WrongState, VersionChanged
        """

        def work(connection: Connection, job: JobRow) -> JobRow:
            if job.status == "pending":
                return pending.run_now(connection, job.id)
            return dead_letters.requeue(connection, job.id, by=self.principal.name)

        answer = self._change(job_id, "job.retry", reason, work)
        self.context.notifier.job_ready()
        return answer

    def requeue(self, job_id: JobId, *, reason: str | None = None) -> Job:
        """A failed or cancelled job starts anew; its history is kept.

        Raises:
            JobNotFound, WrongState, VersionChanged
        """

        def work(connection: Connection, job: JobRow) -> JobRow:
            return dead_letters.requeue(connection, job.id, by=self.principal.name)

        answer = self._change(job_id, "job.requeue", reason, work)
        self.context.notifier.job_ready()
        return answer

    def _change(self, job_id: JobId, action: str, reason: str | None, work: Work) -> Job:
        """Do `work` with the job's row locked, and tell the audit log what it changed."""
        with self.context.database.transaction() as connection:
            refuse_changed(self.conditions.if_match, _lock(connection, known_id(job_id)))
            before = jobs.get(connection, known_id(job_id))
            after = work(connection, before)
            changed = [name for name in _WATCHED if getattr(before, name) != getattr(after, name)]
            self._audit(
                connection,
                action,
                ("job", after.id),
                before={name: getattr(before, name) for name in changed},
                after={name: getattr(after, name) for name in changed},
                reason=reason,
            )
            return detail(connection, after.id)


def _lock(connection: Connection, job_id: UUID) -> datetime:
    """An archived job is brought back. It stays in the archive if its state does not allow the change."""
    try:
        return pending.lock(connection, job_id)
    except JobNotFound:
        bring_back(connection, [job_id])
        return pending.lock(connection, job_id)


def known_id(job_id: JobId) -> UUID:
    """
    Raises:
        JobNotFound: no job can have such an id.
    """
    try:
        return job_id if isinstance(job_id, UUID) else UUID(job_id)
    except (ValueError, AttributeError, TypeError):
        raise JobNotFound(f"{job_id!r:.100}") from None


def detail(connection: Connection, job_id: UUID) -> Job:
    """With its attempts, what it depends on, and its open dead letter.

    Raises:
        JobNotFound
    """
    return msgspec.convert(details.of_job(connection, job_id), Job)


def _page(page: listing.Page, count: int | None) -> Page[JobSummary]:
    return Page(
        items=summaries(page.rows),
        next_cursor=page.next_cursor,
        total=None if count is None else min(count, listing.MAX_TOTAL),
        total_is_capped=count is not None and count > listing.MAX_TOTAL,
    )


def summaries(rows: object) -> list[JobSummary]:
    """From rows of `listing`."""
    return msgspec.convert([{**row, "job_id": row["id"]} for row in rows], list[JobSummary])  # type: ignore[attr-defined]


def rows_filter(which: JobFilter | None) -> listing.Filter:
    """
    Raises:
        InvalidJob
    """
    if which is None:
        return listing.Filter()
    which = checked(which)
    if which.payload:
        raise InvalidJob.at("payload", "is for lists of jobs that are not archived: change what a list found by ids")
    if which.archived:
        raise InvalidJob.at(
            "archived", "is for lists: archived jobs are changed by their ids, and do not change otherwise"
        )
    given = {
        field.name: getattr(which, field.name)
        for field in fields(which)
        if field.name not in {"archived", "payload", "id_prefix"}
    }
    if which.id_prefix:
        given["id_first"], given["id_last"] = details.ends_of(which.id_prefix, "id_prefix")
    status = tuple(dict.fromkeys(which.status))
    return listing.Filter(**{**given, "status": status, "metadata": dict(which.metadata)})


def checked_change(given: Mapping[str, object]) -> JobChange:
    """Of the fields that are not None.

    Raises:
        InvalidJob
    """
    return read(JobChange, {name: value for name, value in given.items() if value is not None})
