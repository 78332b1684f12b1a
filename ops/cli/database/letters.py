"""Dead letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from aeon_jobs.api.client import views
from aeon_jobs.api.client.forms import LetterFilter
from aeon_jobs.ops.cli.backend import LetterStatus
from aeon_jobs.ops.cli.database.bulk import Work, change_many
from aeon_jobs.ops.cli.database.likeness import execution, like
from aeon_jobs.ops.cli.database.likeness import job as job_view
from aeon_jobs.ops.cli.database.office import Office
from aeon_jobs.persistence.admin import bulk
from aeon_jobs.persistence.queue import dead_letters, executions
from aeon_jobs.persistence.reads import dead_letter_lists
from aeon_jobs.persistence.reads.dead_letter_lists import LetterNotFound


class Letters(Office):
    def letter_page(
        self,
        which: LetterFilter | None = None,
        *,
        status: LetterStatus = "open",
        limit: int = 200,
        cursor: str | None = None,
    ) -> views.Page[views.LetterSummary]:
        is_open = {"open": True, "resolved": False, "all": None}[status]
        with self.database.connection() as connection:
            page = dead_letter_lists.letters(connection, _filter(which, is_open), limit=limit, cursor=cursor)
        return views.Page(items=[like(views.LetterSummary, row) for row in page.rows], next_cursor=page.next_cursor)

    def dead_letter(self, letter_id: int) -> views.Letter:
        with self.database.connection() as connection:
            row = dead_letter_lists.letter(connection, letter_id)
            attempts = executions.of_job(connection, row.job_id) if row.job_id else []
        return like(views.Letter, row, executions=[execution(attempt) for attempt in attempts])

    def dead_letter_causes(self, limit: int = 50) -> list[views.LetterCause]:
        with self.database.connection() as connection:
            return [like(views.LetterCause, cause) for cause in dead_letter_lists.causes(connection, limit)]

    def requeue_dead_letter(
        self, letter_id: int, *, payload: Mapping[str, Any] | None = None, reason: str | None = None
    ) -> views.Job:
        edited = None if payload is None else dict(payload)
        with self.database.transaction() as connection:
            job = dead_letters.requeue(connection, _job_of(connection, letter_id), by=self.actor, payload=edited)
            after = {"payload": edited} if edited is not None else None
            self.note(connection, "dead_letter.requeue", ("dead_letter", letter_id), after=after, reason=reason)
            answer = job_view(job, executions.of_job(connection, job.id))
        self.hints.job_ready()
        return answer

    def discard_dead_letter(self, letter_id: int, *, reason: str | None = None) -> None:
        with self.database.transaction() as connection:
            dead_letters.discard(connection, _job_of(connection, letter_id), by=self.actor)
            self.note(connection, "dead_letter.discard", ("dead_letter", letter_id), reason=reason)

    def requeue_dead_letters(
        self,
        target: LetterFilter | Sequence[UUID],
        *,
        dry_run: bool = False,
        reason: str | None = None,
        per_second: float | None = None,
        delay_ms: int = 0,
    ) -> views.BatchAnswer:
        work: Work = partial(bulk.requeue, by=self.actor, pace=bulk.pace_of(per_second, delay_ms))
        answer = self._change_letters("requeue", target, dry_run, reason, work)
        self.hints.job_ready()
        return answer

    def discard_dead_letters(
        self, target: LetterFilter | Sequence[UUID], *, dry_run: bool = False, reason: str | None = None
    ) -> views.BatchAnswer:
        return self._change_letters("discard", target, dry_run, reason, partial(bulk.discard, by=self.actor))

    def _change_letters(
        self,
        change: bulk.Change,
        target: LetterFilter | Sequence[UUID],
        dry_run: bool,
        reason: str | None,
        work: Work,
    ) -> views.BatchAnswer:
        with self.database.transaction() as connection:
            ids = _ids(connection, target) if isinstance(target, LetterFilter) else list(target)
            return change_many(
                self, connection, change, ids, dry_run=dry_run, reason=reason, work=work, subject="dead_letters"
            )


def _ids(connection: Connection, which: LetterFilter) -> list[UUID]:
    return dead_letter_lists.job_ids(connection, _filter(which, True), bulk.MAX_BATCH + 1)


def _filter(which: LetterFilter | None, is_open: bool | None) -> dead_letter_lists.LetterFilter:
    given = {field.name: getattr(which or LetterFilter(), field.name) for field in fields(LetterFilter)}
    return dead_letter_lists.LetterFilter(**given, open=is_open)


def _job_of(connection: Connection, letter_id: int) -> UUID:
    job_id = dead_letter_lists.letter(connection, letter_id).job_id
    if job_id is None:
        raise LetterNotFound(letter_id)
    return job_id
