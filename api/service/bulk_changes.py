"""Bulk changes: begun here, worked off by the dispatchers, so they outlive this process."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from aeon_jobs.api.contract import BulkAction, BulkChange, BulkCount, DeadLetterFilter, JobFilter, NewBulkChange
from aeon_jobs.api.service.core.errors import NotFound
from aeon_jobs.api.service.core.use_cases import UseCases, shown
from aeon_jobs.api.service.core.validation import read
from aeon_jobs.api.service.dead_letters import rows_filter as dead_letter_rows_filter
from aeon_jobs.api.service.jobs import rows_filter
from aeon_jobs.persistence.admin import bulk_changes
from aeon_jobs.persistence.admin.bulk_changes import Which
from aeon_jobs.persistence.core.errors import InvalidJob

AT_ONCE_S = 0.3
"""So long the one who asks waits: what is small is done by then."""
_OPTIONS = ("priority", "scheduled_at", "per_second")


class BulkChangeUseCases(UseCases):
    def count_bulk_change(
        self,
        action: BulkAction,
        which: JobFilter | DeadLetterFilter,
        *,
        priority: int | None = None,
        scheduled_at: datetime | None = None,
        per_second: float | None = None,
    ) -> BulkCount:
        """How many jobs a bulk change would change now.

        Raises:
            InvalidJob
        """
        options = {"priority": priority, "scheduled_at": scheduled_at, "per_second": per_second}
        return self.count_bulk_change_as(_new(action, which, options, None))

    def count_bulk_change_as(self, new: NewBulkChange) -> BulkCount:
        """As `count_bulk_change`, of a request that is valid; so is the one below."""
        with self.context.database.connection() as connection:
            found = bulk_changes.count(connection, new.action, _which(new), _options(new))
        return BulkCount(matched=min(found, bulk_changes.MOST_COUNTED), is_capped=found > bulk_changes.MOST_COUNTED)

    def start_bulk_change(
        self,
        action: BulkAction,
        which: JobFilter | DeadLetterFilter,
        *,
        reason: str | None = None,
        priority: int | None = None,
        scheduled_at: datetime | None = None,
        per_second: float | None = None,
    ) -> BulkChange:
        """Change everything that matches, in the background: `cancel`, `retry` or `change` jobs, `requeue` or `discard`
        dead letters.

        Raises:
            InvalidJob
        """
        options = {"priority": priority, "scheduled_at": scheduled_at, "per_second": per_second}
        return self.start_bulk_change_as(_new(action, which, options, reason))

    def start_bulk_change_as(self, new: NewBulkChange) -> BulkChange:
        with self.context.database.transaction() as connection:
            options = _options(new)
            begun = bulk_changes.begin(
                connection,
                new.action,
                _which(new),
                options,
                by=self.principal.name,
                reason=new.reason,
                keep_days=self.context.settings.job_retention_days,
            )
            after = {"action": begun.action, "filter": begun.filter, "options": begun.options, "matched": begun.matched}
            self._audit(connection, "bulk_change.start", ("bulk_change", begun.id), after=after, reason=new.reason)
        bulk_changes.go_on(self.context.database, AT_ONCE_S, begun.id)
        self.context.notifier.job_ready()
        return self.bulk_change(begun.id)

    def bulk_changes(self, *, before: int | None = None, limit: int = 50) -> list[BulkChange]:
        """Bulk changes, newest first; those with a smaller number than `before`."""
        with self.context.database.connection() as connection:
            return [_shown(row) for row in bulk_changes.newest(connection, before=before, limit=limit)]

    def bulk_change(self, change_id: int) -> BulkChange:
        """
        Raises:
            NotFound
        """
        with self.context.database.connection() as connection:
            return _known(change_id, bulk_changes.get(connection, change_id))

    def stop_bulk_change(self, change_id: int) -> BulkChange:
        """What it has changed stays so, the rest is left alone. One that is over stays as it is.

        Raises:
            NotFound
        """
        with self.context.database.transaction() as connection:
            stopped = _known(change_id, bulk_changes.stop(connection, change_id, by=self.principal.name))
            self._audit(connection, "bulk_change.stop", ("bulk_change", change_id))
        return stopped


def _new(
    action: BulkAction, which: JobFilter | DeadLetterFilter, options: dict[str, Any], reason: str | None
) -> NewBulkChange:
    conditions = {field.name: getattr(which, field.name) for field in fields(which)}
    given = {name: value for name, value in options.items() if value is not None}
    name = "filter" if isinstance(which, JobFilter) else "dead_letters"
    return read(NewBulkChange, {"action": action, name: conditions, "reason": reason, **given})


def _which(new: NewBulkChange) -> Which:
    if new.filter is not None:
        return rows_filter(new.filter)
    assert new.dead_letters is not None
    if new.dead_letters.archived:
        raise InvalidJob.at("dead_letters.archived", "is for lists: archived dead letters are resolved")
    return dead_letter_rows_filter(new.dead_letters, True)


def _options(new: NewBulkChange) -> dict[str, Any]:
    return {name: value for name in _OPTIONS if (value := getattr(new, name)) is not None}


def _known(change_id: int, row: bulk_changes.BulkChange | None) -> BulkChange:
    if row is None:
        raise NotFound(f"no bulk change {change_id}")
    return _shown(row)


def _shown(row: bulk_changes.BulkChange) -> BulkChange:
    state = "running"
    if row.finished_at:
        state = "failed" if row.error else "stopped" if row.stopped_by else "completed"
    return shown(BulkChange, row, state=state)
