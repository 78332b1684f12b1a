"""Schedules: cron lines that become jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from annotated_types import MaxLen, MinLen

from aeon_jobs.api.contract.fields import JsonObject, Name, NotNull, Priority, Request, Retries, TimeoutMs

CatchUp = Literal["last", "all", "none"]
Cron = Annotated[str, MinLen(1), MaxLen(255)]
Zone = Annotated[str, MinLen(1), MaxLen(64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    id: UUID
    name: str
    job_type: str
    cron: str
    timezone: str
    payload: JsonObject
    priority: int | None
    """None here and below: the job type's own, as it is when the job is made."""
    max_retries: int | None
    timeout_ms: int | None
    enabled: bool
    catch_up: CatchUp
    """What becomes of moments that were missed: run the last of them, all, or none."""
    next_run_at: datetime | None
    last_run_at: datetime | None
    last_error: str | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule(Request):
    """A schedule to make."""

    name: Name
    job_type: Name
    cron: Cron
    """Such as `*/15 * * * *`."""
    timezone: Zone = "UTC"
    """Such as `Europe/Berlin`."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    priority: Priority | None = None
    """None here and below: the job type's own, as it is when the job is made."""
    max_retries: Retries | None = None
    timeout_ms: TimeoutMs | None = None
    enabled: bool = True
    catch_up: CatchUp = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleChange(Request):
    """What is left out stays as it is."""

    name: Annotated[Name | None, NotNull()] = None
    job_type: Annotated[Name | None, NotNull()] = None
    cron: Annotated[Cron | None, NotNull()] = None
    timezone: Annotated[Zone | None, NotNull()] = None
    payload: Annotated[Mapping[str, Any] | None, NotNull()] = None
    priority: Annotated[Priority | None, NotNull()] = None
    max_retries: Annotated[Retries | None, NotNull()] = None
    timeout_ms: Annotated[TimeoutMs | None, NotNull()] = None
    enabled: Annotated[bool | None, NotNull()] = None
    catch_up: Annotated[CatchUp | None, NotNull()] = None
