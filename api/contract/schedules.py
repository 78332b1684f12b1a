"""Schedules: rules by which jobs are submitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from annotated_types import Ge, Le, MaxLen, MinLen

from aeon_jobs.api.contract.fields import (
    KEPT,
    Instant,
    JsonObject,
    Name,
    NotNull,
    Priority,
    Reason,
    Request,
    Retries,
    TimeoutMs,
    kept,
)

CatchUp = Literal["last", "all", "none"]
Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all"]
JobEnd = Literal["pending", "queued", "running", "completed", "failed", "cancelled", "deleted"]
Rules = Annotated[str, MinLen(1), MaxLen(4_000)]
Zone = Annotated[str, MinLen(1), MaxLen(64)]
JitterMs = Annotated[int, Ge(0), Le(86_400_000)]
WindowS = Annotated[int, Ge(10), Le(366 * 86_400)]
MaxRuns = Annotated[int, Ge(1), Le(1_000_000_000)]
MaxFailures = Annotated[int, Ge(1), Le(1_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    id: UUID
    name: str
    job_type: str
    cron: str
    """Rules, one on each line."""
    timezone: str
    exclude: str | None
    start_at: datetime | None
    end_at: datetime | None
    jitter_ms: int
    payload: JsonObject
    priority: int | None
    """None here and below: the job type's own, as it is when the job is made."""
    max_retries: int | None
    timeout_ms: int | None
    enabled: bool
    pause_note: str | None
    catch_up: CatchUp
    """What becomes of due times that were missed: run the last of them, all, or none."""
    catch_up_window_s: int | None
    """Due times that are older do not run. None: however old."""
    overlap: Overlap
    """What becomes of a run while an earlier one is not over."""
    max_runs: int | None
    run_count: int
    """Jobs that its due times made."""
    max_failures: int | None
    """Failed runs in a row after which it is paused."""
    next_run_at: datetime | None
    last_run_at: datetime | None
    last_error: str | None
    is_declared: bool
    """Code declares it, or did."""
    orphaned_at: datetime | None
    """When its code was first seen without it."""
    created_by: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule(Request):
    """A schedule to make."""

    name: Name
    job_type: Name
    cron: Rules
    """Rules, one on each line: `*/15 * * * *`, with seconds `0 */15 * * * *`, or `every 90s`."""
    timezone: Zone = "UTC"
    """Such as `Europe/Berlin`."""
    exclude: Rules | None = None
    """When it does not run, one on each line: `2026-12-24`, `2026-12-24..2026-12-26`, or a cron line."""
    start_at: Instant | None = None
    end_at: Instant | None = None
    jitter_ms: JitterMs = 0
    """A run starts up to so much later, and before the next due time."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    priority: Priority | None = None
    """None here and below: the job type's own, as it is when the job is made."""
    max_retries: Retries | None = None
    timeout_ms: TimeoutMs | None = None
    enabled: bool = True
    pause_note: Reason | None = None
    catch_up: CatchUp = "last"
    catch_up_window_s: WindowS | None = None
    overlap: Overlap | None = None
    """None: `skip`, or `buffer_all` if `catch_up` is `all`."""
    max_runs: MaxRuns | None = None
    max_failures: MaxFailures | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleChange(Request):
    """What is left out stays as it is. Null is a value: no limit, no end, the job type's own."""

    name: Annotated[Name | None, NotNull()] = None
    job_type: Annotated[Name | None, NotNull()] = None
    cron: Annotated[Rules | None, NotNull()] = None
    timezone: Annotated[Zone | None, NotNull()] = None
    exclude: Rules | None = field(default_factory=kept)
    start_at: Instant | None = field(default_factory=kept)
    end_at: Instant | None = field(default_factory=kept)
    jitter_ms: Annotated[JitterMs | None, NotNull()] = None
    payload: Annotated[Mapping[str, Any] | None, NotNull()] = None
    priority: Priority | None = field(default_factory=kept)
    max_retries: Retries | None = field(default_factory=kept)
    timeout_ms: TimeoutMs | None = field(default_factory=kept)
    enabled: Annotated[bool | None, NotNull()] = None
    pause_note: Reason | None = field(default_factory=kept)
    catch_up: Annotated[CatchUp | None, NotNull()] = None
    catch_up_window_s: WindowS | None = field(default_factory=kept)
    overlap: Annotated[Overlap | None, NotNull()] = None
    max_runs: MaxRuns | None = field(default_factory=kept)
    max_failures: MaxFailures | None = field(default_factory=kept)

    def given(self) -> dict[str, Any]:
        """The fields that were sent."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            name: value for name, value in values.items() if value is not KEPT and (value is not None or name in _NULL)
        }


_NULL = frozenset(name for name, known in ScheduleChange.__dataclass_fields__.items() if known.default_factory is kept)
"""May be null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill(Request):
    """A past span, both ends inclusive."""

    start: Instant
    end: Instant
    overlap: Overlap = "buffer_all"
    """Instead of the schedule's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfilled:
    due_times: int
    """In the span."""
    submitted: list[UUID]
    """Ids of jobs, in the order of their due times."""
    skipped: int
    """By the overlap policy."""
    decided_before: int
    """They ran, or an earlier backfill skipped them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRun:
    """A due time that was decided on."""

    due_at: datetime
    origin: Literal["due", "catch_up", "backfill", "manual"]
    outcome: Literal["submitted", "skipped", "missed", "failed"]
    reason: str | None
    """Why it was not submitted."""
    job_id: UUID | None
    job_status: JobEnd | None
    """Of its job now; of a job that was deleted, its end."""
    created_at: datetime
