"""Job types: what can be submitted, and the limits of their jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MaxLen, MinLen

from aeon_jobs.api.contract.fields import JsonObject, Reason, Request

Count = Annotated[int, Ge(1), Le(1_000_000)]
Strategy = Literal["queue", "round_robin", "cancel_in_progress", "cancel_newest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobType:
    name: str
    queue_name: str
    description: str
    payload_schema: JsonObject
    """JSON Schema, draft 2020-12."""
    example: JsonObject
    """A payload that is valid."""
    priority: int
    max_retries: int
    timeout_ms: int
    limits: JsonObject | None
    """What the code declares; see JobTypeLimits."""
    limits_override: JsonObject | None
    """What was set instead; an empty object: no limits."""
    uniqueness: JsonObject | None
    """Which submissions get one job: those with the same values in the fields `by` (empty: all fields). Either `while`
    (pending or unfinished) and `period_ms`, or `debounce_ms` and `max_wait_ms`."""
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    updated_at: datetime

    @property
    def limits_in_force(self) -> JsonObject | None:
        return self.limits if self.limits_override is None else self.limits_override


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts(Request):
    """At most so many starts in a period, evenly refilled."""

    count: Count
    period_ms: Annotated[int, Ge(1), Le(31 * 86_400_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTypeLimits(Request):
    """Limits that hold instead of those of the code. What is left out has no limit; an empty object means no limits."""

    running: Count | None = None
    """Jobs of the type that run at once."""
    running_per_key: Count | None = None
    """Jobs of one key that run at once."""
    starts: Starts | None = None
    """Starts of the type in a period."""
    starts_per_key: Starts | None = None
    """Starts of one key in a period."""
    key: Annotated[str, MinLen(1), MaxLen(255)] | None = None
    """Where the key of a job stands, such as payload.tenant. Limits of the code keep their key."""
    strategy: Strategy | None = None
    """What becomes of jobs beyond a limit; `queue` is the default."""

    def given(self) -> Mapping[str, Any]:
        """The fields that were set, as JSON has them."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            name: {"count": value.count, "period_ms": value.period_ms} if isinstance(value, Starts) else value
            for name, value in values.items()
            if value is not None
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTypePause(Request):
    reason: Reason | None = None
    """Is stored, and shown with the job type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUsage:
    key: str
    """Empty: the limits have no key."""
    waiting: int
    """Jobs that wait for the limits alone; counted up to 1,000."""
    running: int
    """Jobs that run, or are on their way to a worker."""
