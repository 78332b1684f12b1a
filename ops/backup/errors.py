"""What can go wrong: nothing was changed."""

from __future__ import annotations

from aeon_jobs.persistence.core.errors import JobsError


class BackupError(JobsError):
    """A backup or a restore that could not be made."""
