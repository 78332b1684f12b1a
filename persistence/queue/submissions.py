"""Submissions: what a new job may be, and the row that it becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, Protocol
from uuid import UUID

from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.copying import copy_fields
from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.core.settings import get_settings
from aeon_jobs.persistence.queue import limits, unique

OnFailure = Literal["wait", "cancel", "run"]
MAX_METADATA_BYTES = 65_536
MAX_DELAY_MS = 10 * 365 * 86_400_000
MOST_RETRIES, MOST_TIMEOUT_MS = 1_000, 24 * 86_400_000
"""What a job type may declare. The column of the timeout ends at 24.8 days."""
NO_TIMEOUT_MS = 2_147_483_647
"""The job's time is not limited: its job type has a heartbeat."""
_MOST = {"max_retries": 10, "timeout_ms": 600_000}
"""What a submission may choose. It may always choose what its job type declares, and less."""
_TEXTS = [
    ("queue_name", 100),
    ("created_by", 255),
    ("step_name", 100),
    ("idempotency_key", 255),
    ("traceparent", 55),
    ("tracestate", 512),
]


_BEFORE = ("job_type", "queue_name", "priority", "max_retries", "timeout_ms", "metadata")
_AFTER = (
    "limit_key",
    "scheduled_at",
    "expires_at",
    "created_by",
    "traceparent",
    "tracestate",
    "workflow_id",
    "step_name",
)
_NOT_COPIED = ("idempotency_key", "delay_ms", "expires_in_ms", "schedule_id")
COPIED = ("id", *_BEFORE, "payload", *_AFTER)
"""Columns of a line of COPY."""


class Defaults(Protocol):
    """What submitting needs to know of a job type: a row of `job_types`, or an actor's own definition."""

    @property
    def name(self) -> str: ...
    @property
    def queue_name(self) -> str: ...
    @property
    def payload_schema(self) -> dict[str, Any]: ...
    @property
    def priority(self) -> int: ...
    @property
    def max_retries(self) -> int: ...
    @property
    def timeout_ms(self) -> int: ...
    @property
    def limits(self) -> dict[str, Any] | None: ...
    @property
    def limits_in_force(self) -> dict[str, Any] | None: ...
    @property
    def uniqueness(self) -> dict[str, Any] | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A submission. None in `priority`, `max_retries`, `timeout_ms`, `queue_name` means the job type's own default."""

    job_type: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    priority: int | None = None
    max_retries: int | None = None
    timeout_ms: int | None = None
    queue_name: str | None = None
    scheduled_at: datetime | None = None
    delay_ms: int | None = None
    """Instead of `scheduled_at`: from now on, by the clock of PostgreSQL."""
    expires_at: datetime | None = None
    """Not begun by then, the job is cancelled."""
    expires_in_ms: int | None = None
    """Instead of `expires_at`: from now on, by the clock of PostgreSQL."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    created_by: str | None = None
    idempotency_key: str | None = None
    idempotency_window_s: float | None = None
    """How long the key stays taken, from submission; it is taken in any case while the job lives."""
    unique: unique.Unique | unique.Debounce | None = None
    """Instead of the rule of the job type. An idempotency key comes before both."""
    depends_on: Sequence[UUID] = ()
    on_dependency_failure: OnFailure = "wait"
    traceparent: str | None = None
    tracestate: str | None = None
    schedule_id: UUID | None = None
    schedule_run_at: datetime | None = None
    workflow_id: UUID | None = None
    """The workflow or batch that it counts in."""
    step_name: str | None = None
    id: UUID | None = None
    """Of a step whose message had an id before it was sent; else it gets a new one."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """The job that answers a submission; `is_new` is False when an idempotency key brought an existing one back."""

    id: UUID
    status: str
    created_at: datetime
    is_new: bool = True


class Template:
    """A submission without its payload: checked once, be it for one payload or for a million."""

    def __init__(self, new: NewJob, job_type: Defaults | None) -> None:
        """
        Raises:
            InvalidJob: the job type is not registered.
        """
        if job_type is None:
            raise InvalidJob.at("job_type", f"{new.job_type!r:.100} is not registered by any worker")
        self.new = new
        self._schema = job_type.payload_schema
        self._limits = job_type.limits_in_force
        self._metadata, faults = _encoded(new.metadata, "metadata", MAX_METADATA_BYTES)
        self.unique, broken = _uniqueness(new, job_type)
        self._violations = _broken_rules(new, job_type) + broken + faults
        self.fields: dict[str, Any] = {
            "job_type": job_type.name,
            "queue_name": new.queue_name or job_type.queue_name,
            "priority": job_type.priority if new.priority is None else new.priority,
            "max_retries": job_type.max_retries if new.max_retries is None else new.max_retries,
            "timeout_ms": job_type.timeout_ms if new.timeout_ms is None else new.timeout_ms,
        }
        if not self._violations:
            self.fields |= {name: value for name, value in _optional(new) if value is not None}
            self.fields |= _times(self.unique or {})

    @cached_property
    def is_plain(self) -> bool:
        """Whether its jobs may be copied: no other row, and not the clock, has a say in them."""
        return not (self.unique or self.new.depends_on or any(name in self.fields for name in _NOT_COPIED))

    @cached_property
    def inserted(self) -> str:
        """What stands beside id and payload in the JSON for `submit_jobs`."""
        return f'"metadata":{self._metadata},{json.dumps(self.fields)[1:-1]}'

    @cached_property
    def copied(self) -> tuple[str, str]:
        """What stands before and behind the payload in a line of COPY; see COPIED."""
        values = {**self.fields, "metadata": self._metadata}
        before, after = ([values.get(name) for name in names] for names in (_BEFORE, _AFTER[1:]))
        return f"{copy_fields(before)}\t", f"\t{copy_fields(after)}\n"

    def row(self, payload: Any) -> Row:
        """
        Raises:
            InvalidJob: names every broken rule, of the payload and of all else.
        """
        encoded, faults = _encoded(payload, "payload", payload_limit())
        faults = faults or _broken_schema(payload, self._schema)
        key = None
        if self._limits and not faults:
            try:
                key = limits.key_of(self._limits, payload, self.new.metadata)
            except limits.NoKey as error:
                faults.append(Violation(self._limits["key"], str(error)))
        if self._violations or faults:
            raise InvalidJob(self._violations + faults)
        return Row(self, encoded, key, unique.key_of(self.unique, payload) if self.unique else None)


@dataclass(slots=True)
class Row:
    """A job that may be stored: every rule holds."""

    template: Template
    payload: str
    """As JSON."""
    limit_key: str | None = None
    unique_key: str | None = None
    id: UUID = field(init=False)
    """Given when the job is stored."""

    @property
    def new(self) -> NewJob:
        """The submission; its payload may be another job's."""
        return self.template.new

    def line(self) -> str:
        """For COPY."""
        before, after = self.template.copied
        # JSON escapes control characters itself.
        payload = self.payload.replace("\\", "\\\\")
        return f"{self.id.hex}\t{before}{payload}\t{copy_fields([self.limit_key])}{after}"

    def json(self) -> str:
        """For `submit_jobs`."""
        key = "" if self.limit_key is None else f'"limit_key":{json.dumps(self.limit_key)},'
        if self.unique_key is not None:
            key += f'"idempotency_key":"{self.unique_key}",'
        return f'{{"id":"{self.id}","payload":{self.payload},{key}{self.template.inserted}}}'


def payload_limit() -> int:
    """Most bytes of a payload as JSON."""
    return get_settings().job_max_payload_bytes


def _optional(new: NewJob) -> list[tuple[str, Any]]:
    """Columns that most jobs leave empty."""
    return [
        ("scheduled_at", _iso(new.scheduled_at)),
        ("expires_at", _iso(new.expires_at)),
        ("expires_in_ms", new.expires_in_ms),
        ("delay_ms", new.delay_ms),
        ("created_by", new.created_by),
        ("idempotency_key", new.idempotency_key),
        ("idempotency_window_s", new.idempotency_window_s),
        ("traceparent", new.traceparent),
        ("tracestate", new.tracestate),
        ("schedule_id", str(new.schedule_id) if new.schedule_id else None),
        ("schedule_run_at", _iso(new.schedule_run_at)),
        ("workflow_id", str(new.workflow_id) if new.workflow_id else None),
        ("step_name", new.step_name),
    ]


def _uniqueness(new: NewJob, job_type: Defaults) -> tuple[dict[str, Any] | None, list[Violation]]:
    """The rule that holds for a submission, and what is wrong with it."""
    if new.idempotency_key is not None:
        fault = Violation("idempotency_key", "give either idempotency_key or unique, not both")
        return None, [fault] if new.unique else []
    if new.schedule_id is not None or new.workflow_id is not None:
        return None, []
    try:
        rule = unique.shape(new.unique) or job_type.uniqueness
    except ValueError as error:
        return None, [Violation("unique", str(error))]
    if rule and "debounce_ms" in rule and (new.delay_ms is not None or new.scheduled_at is not None):
        return None, [Violation("delay", "must be left out: a debounced job runs when its period is over")]
    return rule, []


def _times(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a row that a rule of uniqueness sets."""
    if "debounce_ms" in rule:
        wait_ms = rule["debounce_ms"]
        return {"delay_ms": wait_ms if rule["max_wait_ms"] is None else min(wait_ms, rule["max_wait_ms"])}
    return {"idempotency_window_s": rule["period_ms"] / 1_000} if rule.get("period_ms") else {}


def _encoded(value: Any, field: str, limit: int) -> tuple[str, list[Violation]]:
    """JSON text of an object, or what is wrong with it."""
    if not isinstance(value, Mapping):
        return "", [Violation(field, "must be an object")]
    try:
        return payloads.encode(dict(value), field, limit=limit), []
    except InvalidJob as error:
        return "", list(error.violations)


def _broken_schema(payload: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Violation]:
    try:
        payloads.validate(payload, schema)
    except InvalidJob as error:
        return list(error.violations)
    return []


def _ranges(job_type: Defaults) -> list[tuple[str, int, int]]:
    return [
        ("priority", 0, 100),
        ("max_retries", 0, max(_MOST["max_retries"], job_type.max_retries)),
        ("timeout_ms", 1_000, max(_MOST["timeout_ms"], job_type.timeout_ms)),
    ]


def _broken_rules(new: NewJob, job_type: Defaults) -> list[Violation]:
    """The ranges of SPEC section 3, for every way of submitting."""
    broken = [
        Violation(name, f"must be a whole number from {low} to {high}")
        for name, low, high in _ranges(job_type)
        if (value := getattr(new, name)) is not None and not (type(value) is int and low <= value <= high)
    ]
    broken += [
        Violation(name, f"must be 1 to {limit} characters of plain text")
        for name, limit in _TEXTS
        if (text := getattr(new, name)) is not None
        and not (isinstance(text, str) and 0 < len(text) <= limit and payloads.is_storable(text))
    ]
    broken += [
        Violation(name, "must be a point in time that carries a time zone")
        for name in ("scheduled_at", "expires_at")
        if (moment := getattr(new, name)) is not None and not _is_moment(moment)
    ]
    if new.delay_ms is not None and new.scheduled_at is not None:
        broken.append(Violation("delay", "give either delay or scheduled_at, not both"))
    if new.delay_ms is not None and not _is_delay(new.delay_ms):
        broken.append(Violation("delay", f"must be 0 to {MAX_DELAY_MS} milliseconds"))
    if new.expires_in_ms is not None and new.expires_at is not None:
        broken.append(Violation("expires_in", "give either expires_in or expires_at, not both"))
    if new.expires_in_ms is not None and not (_is_delay(new.expires_in_ms) and new.expires_in_ms > 0):
        broken.append(Violation("expires_in", f"must be 1 to {MAX_DELAY_MS} milliseconds"))
    if new.idempotency_window_s is not None and not _is_window(new.idempotency_window_s):
        broken.append(Violation("idempotency_window_s", "must be more than 0 s and at most 366 days"))
    if new.on_dependency_failure not in ("wait", "cancel", "run"):
        broken.append(Violation("on_dependency_failure", "must be one of wait, cancel, run"))
    if len(new.depends_on) > 1_000:
        broken.append(Violation("depends_on", "must be at most 1000 jobs"))
    if not all(isinstance(parent, UUID) for parent in new.depends_on):
        broken.append(Violation("depends_on", "must be ids of jobs"))
    return broken


def _is_moment(value: Any) -> bool:
    try:
        return value.tzinfo is not None and bool(_iso(value))
    except (AttributeError, OverflowError):  # year 9999, west of Greenwich
        return False


def _is_delay(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value <= MAX_DELAY_MS


def _is_window(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value <= 366 * 86_400


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None
