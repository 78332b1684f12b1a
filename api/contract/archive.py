"""The archive: what is kept for how long, what is due, what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aeon_jobs.api.contract.fields import Request

ArchiveKind = Literal["jobs", "dead_letters", "audit_entries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionDays:
    """Days until something moves to the archive, and until the archive forgets it; 0: for ever."""

    jobs: int
    by_type: dict[str, int]
    """Job types with days of their own."""
    dead_letters: int
    audit_log: int
    archive: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveDay:
    """What is due for the archive, of one day."""

    day: str
    """Such as 2030-01-31, in UTC: when jobs ended, dead letters and entries were made."""
    kind: ArchiveKind
    due: int
    kept: int
    """Of these, how many stay for now: with a valid idempotency key, a dead letter, or a job that depends on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePartition:
    """One month of the archive."""

    name: str
    month: str
    """Such as 2030-01."""
    rows: int
    """PostgreSQL's estimate."""
    bytes: int
    """With indexes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveStatus:
    retention: RetentionDays
    """As the process that answers has it."""
    due: dict[str, int]
    """By kind, without those that are kept."""
    kept: int
    rows: int
    bytes: int
    partitions: list[ArchivePartition]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRun:
    """What was moved to the archive."""

    dry_run: bool
    jobs: int
    dead_letters: int
    audit_entries: int
    more: bool
    """The time of one call was over before the end: call again."""
    days: list[ArchiveDay]
    """Of a dry run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRunRequest(Request):
    dry_run: bool = False
    """Count what is due, and move nothing."""
