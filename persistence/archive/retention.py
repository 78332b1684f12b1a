"""How many days things are kept, and where: first among the others, then in the archive. 0 days: for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aeon_jobs.persistence.core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Days, counted from the end of a job, the resolution of a dead letter, and the time of an entry of the audit log."""

    jobs: int = 30
    by_type: Mapping[str, int] = field(default_factory=dict)
    """Of job types that have days of their own."""
    dead_letters: int = 30
    audit_log: int = 30
    archive: int = 365
    """In the archive; counted from the end of the month in which something was archived."""

    @classmethod
    def of(cls, settings: Settings) -> Retention:
        return cls(
            jobs=settings.job_retention_days,
            by_type=settings.retention_days_by_type,
            dead_letters=settings.job_dlq_retention_days,
            audit_log=settings.job_audit_retention_days,
            archive=settings.job_archive_retention_days,
        )

    def days_of(self, job_type: str) -> int:
        return self.by_type.get(job_type, self.jobs)
