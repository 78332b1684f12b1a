"""Dead letters: jobs that somebody has to look at, and the ways out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Connection

from aeon_jobs.api.contract import (
    FAILURE_PERIODS,
    BatchAnswer,
    DeadLetter,
    DeadLetterFilter,
    DeadLetterRequeue,
    DeadLetterSelection,
    DeadLetterStatus,
    DeadLetterSummary,
    Execution,
    FailureGroup,
    FailureGroups,
    FailurePeriod,
    Job,
    Page,
    RequeueRequest,
)
from aeon_jobs.api.service.bulk import BulkUseCases, Work, selection
from aeon_jobs.api.service.core.deadlocks import again_after_deadlock
from aeon_jobs.api.service.core.errors import NotFound
from aeon_jobs.api.service.core.use_cases import pages, shown
from aeon_jobs.api.service.core.validation import checked, read
from aeon_jobs.api.service.jobs import detail
from aeon_jobs.persistence.admin import bulk
from aeon_jobs.persistence.admin.bulk import Change
from aeon_jobs.persistence.archive import ended
from aeon_jobs.persistence.archive.returning import bring_back
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.queue import dead_letters, executions
from aeon_jobs.persistence.reads import dead_letter_lists, failure_groups

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.models import JobExecution


class DeadLetterUseCases(BulkUseCases):
    def dead_letter_page(
        self,
        which: DeadLetterFilter | None = None,
        *,
        status: DeadLetterStatus = "open",
        limit: int = 200,
        cursor: str | None = None,
    ) -> Page[DeadLetterSummary]:
        """Dead letters, newest first.

        Raises:
            InvalidJob: the filter, or a cursor of another list.
        """
        is_open = {"open": True, "resolved": False, "all": None}[status]
        with self.context.database.connection() as connection:
            page = dead_letter_lists.page(connection, rows_filter(which, is_open), limit=limit, cursor=cursor)
        return Page(
            items=[shown(DeadLetterSummary, row, archived_at=row.get("archived_at")) for row in page.rows],
            next_cursor=page.next_cursor,
        )

    def dead_letters(
        self, which: DeadLetterFilter | None = None, *, status: DeadLetterStatus = "open", limit: int = 200
    ) -> Iterator[DeadLetterSummary]:
        """Every dead letter that matches, page by page of `limit`, each read when it is needed."""
        return pages(lambda cursor: self.dead_letter_page(which, status=status, limit=limit, cursor=cursor))

    def dead_letter(self, dead_letter_id: int) -> DeadLetter:
        """With payload, traceback and every attempt of its job.

        Raises:
            DeadLetterNotFound
        """
        with self.context.database.connection() as connection:
            row, archived_at = dead_letter_lists.get(connection, dead_letter_id)
            attempts = executions.of_job(connection, row.job_id) if row.job_id else []
            if row.job_id and not attempts:
                attempts = ended.executions_of(connection, row.job_id)
        return shown(DeadLetter, row, executions=[execution(attempt) for attempt in attempts], archived_at=archived_at)

    def failure_groups(
        self, period: FailurePeriod = "7d", *, fingerprint: str | None = None, limit: int = 50
    ) -> FailureGroups:
        """Dead letters by cause, with a chart of the last 24h, 7d or 30d and a sample of each: one bug, one group.
        `fingerprint`: this one alone.

        Raises:
            InvalidJob: no such period.
        """
        if period not in FAILURE_PERIODS:
            raise InvalidJob.at("period", "must be 24h, 7d or 30d")
        with self.context.database.connection() as connection:
            found = failure_groups.read(
                connection, failure_groups.PERIODS[period], fingerprint=fingerprint, limit=limit
            )
        items = [shown(FailureGroup, group) for group in found.groups]
        return FailureGroups(period=period, step_s=found.step_s, is_capped=found.is_capped, items=items)

    def requeue_dead_letter(
        self, dead_letter_id: int, *, payload: Mapping[str, Any] | None = None, reason: str | None = None
    ) -> Job:
        """Its job starts anew, with `payload` an edited one; its history is kept.

        Raises:
            DeadLetterNotFound
            NotFound: it belongs to no job.
            WrongState: the job is not over.
            InvalidJob: the payload does not fit the job type.
        """
        request = read(RequeueRequest, {"payload": None if payload is None else dict(payload), "reason": reason})
        with self.context.database.transaction() as connection:
            job_id = _job_of(connection, dead_letter_id)
            dead_letters.requeue(connection, job_id, by=self.principal.name, payload=request.payload)
            after = {"payload": request.payload} if request.payload is not None else None
            whom = ("dead_letter", dead_letter_id)
            self._audit(connection, "dead_letter.requeue", whom, after=after, reason=request.reason)
            answer = detail(connection, job_id)
        self.context.notifier.job_ready()
        return answer

    def discard_dead_letter(self, dead_letter_id: int, *, reason: str | None = None) -> None:
        """Close it without another try; the job stays failed.

        Raises:
            DeadLetterNotFound, NotFound
        """
        with self.context.database.transaction() as connection:
            # A message from which no job could be told has a dead letter of its own.
            if not dead_letters.discard_without_job(connection, dead_letter_id, by=self.principal.name):
                dead_letters.discard(connection, _job_of(connection, dead_letter_id), by=self.principal.name)
            self._audit(connection, "dead_letter.discard", ("dead_letter", dead_letter_id), reason=reason)

    def requeue_dead_letters(
        self,
        target: DeadLetterFilter | Sequence[UUID],
        *,
        dry_run: bool = False,
        reason: str | None = None,
        per_second: float | None = None,
        delay_ms: int = 0,
    ) -> BatchAnswer:
        """Requeue by the ids of the jobs, or the oldest 10,000 open dead letters that match, with an answer for each.

        `per_second`: one after the other, the first after `delay_ms`; without it all at once.
        """
        paced = {"per_second": per_second, "delay_ms": delay_ms}
        given = selection(target, dry_run=dry_run, reason=reason, **paced)
        return self.requeue_selected_dead_letters(read(DeadLetterRequeue, given))

    def discard_dead_letters(
        self, target: DeadLetterFilter | Sequence[UUID], *, dry_run: bool = False, reason: str | None = None
    ) -> BatchAnswer:
        """Discard by the ids of the jobs, or the oldest 10,000 open dead letters that match, with an answer for each."""
        given = selection(target, dry_run=dry_run, reason=reason)
        return self.discard_selected_dead_letters(read(DeadLetterSelection, given))

    def requeue_selected_dead_letters(self, selected: DeadLetterRequeue) -> BatchAnswer:
        """As `requeue_dead_letters`, of a request that is valid; so is the one below."""
        work = partial(bulk.requeue, by=self.principal.name, pace=bulk.pace_of(selected.per_second, selected.delay_ms))
        answer = self._change_dead_letters(selected, "requeue", work)
        self.context.notifier.job_ready()
        return answer

    def discard_selected_dead_letters(self, selected: DeadLetterSelection) -> BatchAnswer:
        return self._change_dead_letters(selected, "discard", partial(bulk.discard, by=self.principal.name))

    @again_after_deadlock
    def _change_dead_letters(self, selected: DeadLetterSelection, change: Change, work: Work) -> BatchAnswer:
        with self.context.database.transaction() as connection:
            ids = selected.ids or _ids(connection, selected.filter)
            return self._change_batch(connection, selected, change, list(ids), work, subject="dead_letters")


def execution(row: JobExecution) -> Execution:
    took = (row.finished_at - row.started_at).total_seconds() if row.started_at else None
    return shown(Execution, row, duration_ms=None if took is None else round(took * 1_000))


def rows_filter(which: DeadLetterFilter | None, is_open: bool | None) -> dead_letter_lists.DeadLetterFilter:
    """
    Raises:
        InvalidJob
    """
    which = checked(which or DeadLetterFilter())
    given = {field.name: getattr(which, field.name) for field in fields(which)}
    return dead_letter_lists.DeadLetterFilter(**given, open=is_open)


def _ids(connection: Connection, which: DeadLetterFilter | None) -> list[UUID]:
    if which is not None and which.archived:
        raise InvalidJob.at("filter.archived", "is for lists: archived dead letters are resolved")
    return dead_letter_lists.job_ids(connection, rows_filter(which, True), bulk.MAX_BATCH + 1)


def _job_of(connection: Connection, dead_letter_id: int) -> UUID:
    job_id = dead_letter_lists.get(connection, dead_letter_id)[0].job_id
    if job_id is None:
        message = "belongs to no job: it can be discarded, and not be requeued"
        raise NotFound(f"dead letter {dead_letter_id} {message}")
    bring_back(connection, [job_id])
    return job_id
