"""Changes to many jobs at once, with an answer for each: some may be in another state by now, or gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from aeon_jobs.api.contract import (
    BatchAnswer,
    BatchItem,
    JobFilter,
    JobRetry,
    JobsChange,
    JobSelection,
    Selection,
)
from aeon_jobs.api.service.core.deadlocks import again_after_deadlock
from aeon_jobs.api.service.core.use_cases import UseCases, shown
from aeon_jobs.api.service.core.validation import read
from aeon_jobs.api.service.jobs import rows_filter
from aeon_jobs.persistence.admin import bulk
from aeon_jobs.persistence.admin.bulk import Change, Item

Work = Callable[[Connection, Sequence[UUID]], list[Item]]
MOST_AUDITED = 1_000
"""Ids of one line of the audit log."""


class BulkUseCases(UseCases):
    def cancel_many(
        self, target: JobFilter | Sequence[UUID], *, dry_run: bool = False, reason: str | None = None
    ) -> BatchAnswer:
        """Cancel jobs by their ids, or the oldest 10,000 that match. Those that run are asked to stop: `requested`."""
        return self.cancel_selected(read(JobSelection, selection(target, dry_run=dry_run, reason=reason)))

    def retry_many(
        self,
        target: JobFilter | Sequence[UUID],
        *,
        dry_run: bool = False,
        reason: str | None = None,
        per_second: float | None = None,
        delay_ms: int = 0,
    ) -> BatchAnswer:
        """Retry jobs: failed and cancelled ones start anew, waiting ones wait no longer.

        `per_second`: one after the other, the first after `delay_ms`; without it all at once.
        """
        paced = {"per_second": per_second, "delay_ms": delay_ms}
        return self.retry_selected(read(JobRetry, selection(target, dry_run=dry_run, reason=reason, **paced)))

    def change_many(
        self,
        target: JobFilter | Sequence[UUID],
        *,
        priority: int | None = None,
        scheduled_at: datetime | None = None,
        dry_run: bool = False,
        reason: str | None = None,
    ) -> BatchAnswer:
        """Give pending jobs another priority, another moment, or both."""
        given = {"priority": priority, "scheduled_at": scheduled_at}
        changes = {name: value for name, value in given.items() if value is not None}
        return self.change_selected(read(JobsChange, selection(target, dry_run=dry_run, reason=reason, **changes)))

    def cancel_selected(self, selected: JobSelection) -> BatchAnswer:
        """As `cancel_many`, of a request that is valid; so are the two below."""
        work = partial(bulk.cancel, by=self.principal.name, reason=selected.reason)
        answer = self._change_jobs(selected, "cancel", work)
        for item in () if selected.dry_run else answer.items:
            if item.outcome == "requested":
                self.context.notifier.cancel(item.job_id)
        return answer

    def retry_selected(self, selected: JobRetry) -> BatchAnswer:
        work = partial(bulk.requeue, by=self.principal.name, pace=bulk.pace_of(selected.per_second, selected.delay_ms))
        answer = self._change_jobs(selected, "requeue", work, is_paced=selected.per_second is not None)
        self.context.notifier.job_ready()
        return answer

    def change_selected(self, selected: JobsChange) -> BatchAnswer:
        work = partial(bulk.change, priority=selected.priority, scheduled_at=selected.scheduled_at)
        answer = self._change_jobs(selected, "change", work)
        self.context.notifier.job_ready()
        return answer

    @again_after_deadlock
    def _change_jobs(
        self, selected: JobSelection, change: Change, work: Work, *, is_paced: bool = False
    ) -> BatchAnswer:
        with self.context.database.transaction() as connection:
            ids = selected.ids or bulk.of_filter(connection, rows_filter(selected.filter), change, is_paced=is_paced)
            return self._change_batch(connection, selected, change, list(ids), work)

    def _change_batch(
        self,
        connection: Connection,
        selected: Selection,
        change: Change,
        ids: Sequence[UUID],
        work: Work,
        subject: str = "jobs",
    ) -> BatchAnswer:
        """Do `work` to the first MAX_BATCH of the ids, or foretell what it would do."""
        chosen = ids[: bulk.MAX_BATCH]
        items = bulk.foretell(connection, chosen, change) if selected.dry_run else work(connection, chosen)
        answer = BatchAnswer(
            dry_run=selected.dry_run,
            changed=sum(item.outcome in {"done", "requested"} for item in items),
            items=[shown(BatchItem, item) for item in items],
            more=len(ids) > bulk.MAX_BATCH,
        )
        if not selected.dry_run:
            after = {"changed": answer.changed, "ids": [item.job_id for item in items][:MOST_AUDITED]}
            whom = (subject, f"{len(chosen)} jobs")
            self._audit(connection, f"{subject}.{change}", whom, after=after, reason=selected.reason)
        return answer


def selection(target: Any, **fields: Any) -> dict[str, Any]:
    """`target`: a filter, or ids."""
    if hasattr(target, "__dataclass_fields__"):
        values = {name: getattr(target, name) for name in target.__dataclass_fields__}
        return {"filter": values, **fields}
    return {"ids": list(target), **fields}
