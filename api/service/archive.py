"""The archive: what is due, what is in it, and a run by hand. The dispatcher does the same by itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from aeon_jobs.api.contract import ArchiveDay, ArchivePartition, ArchiveRun, ArchiveStatus, RetentionDays
from aeon_jobs.api.service.core.use_cases import UseCases, shown
from aeon_jobs.persistence.archive import moving, partitions
from aeon_jobs.persistence.archive.moving import ArchivePass, DueDay
from aeon_jobs.persistence.archive.retention import Retention

LONGEST_S = 5.0
"""Of one call."""


class ArchiveUseCases(UseCases):
    def archive_status(self) -> ArchiveStatus:
        """What is kept for how long, what is due, and the months of the archive."""
        retention = self._retention
        with self.context.database.connection() as connection:
            days = moving.due_days(connection, retention)
            months = partitions.every(connection)
        due = Counter({"jobs": 0, "dead_letters": 0, "audit_entries": 0})
        due.update(_by_kind(days))
        return ArchiveStatus(
            retention=shown(RetentionDays, retention, by_type=dict(retention.by_type)),
            due=dict(due),
            kept=sum(day.kept for day in days),
            rows=sum(month.rows for month in months),
            bytes=sum(month.bytes for month in months),
            partitions=[shown(ArchivePartition, month, month=f"{month.month:%Y-%m}") for month in months],
        )

    def run_archive(self, *, dry_run: bool = False) -> ArchiveRun:
        """Move what is due, for five seconds at most, or count it by day. Also makes and drops months of the archive."""
        with self.context.database.connection() as connection:
            if dry_run:
                return _foretold(moving.due_days(connection, self._retention))
            partitions.add_ahead(connection)
            dropped = partitions.drop_old(connection, days) if (days := self._retention.archive) else []
            moved = ArchivePass(self._retention).go_on(connection, LONGEST_S)
            run = shown(ArchiveRun, moved, dry_run=False, more=not moved.is_done, days=[])
            after = {**asdict(moved), "dropped": dropped}
            self._audit(connection, "archive.run", ("archive", "archive"), after=after)
        return run

    @property
    def _retention(self) -> Retention:
        return Retention.of(self.context.settings)


def _by_kind(days: list[DueDay]) -> Counter[str]:
    found = Counter[str]()
    for day in days:
        found[day.kind] += day.due - day.kept
    return found


def _foretold(days: list[DueDay]) -> ArchiveRun:
    counts = _by_kind(days)
    return ArchiveRun(
        dry_run=True,
        jobs=counts["jobs"],
        dead_letters=counts["dead_letters"],
        audit_entries=counts["audit_entries"],
        more=False,
        days=[shown(ArchiveDay, day, day=day.day.isoformat()) for day in days],
    )
