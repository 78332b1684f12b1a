"""The audit log: who changed what, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aeon_jobs.api.contract.fields import Instant, Key, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    id: int
    at: datetime
    actor: str
    action: str
    subject_type: str
    subject_id: str
    before: Any
    after: Any
    reason: str | None
    request_id: str | None
    archived_at: datetime | None = None
    """When it moved to the archive; null: it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter(Request):
    """Which entries; all conditions hold at once. Empty means all."""

    actor: Key | None = None
    action: Key | None = None
    subject_type: Key | None = None
    subject_id: Key | None = None
    after: Instant | None = None
    """Inclusive."""
    before: Instant | None = None
    """Exclusive."""
    archived: bool = False
    """Entries of the archive instead."""
