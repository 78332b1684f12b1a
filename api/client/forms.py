"""What is sent: a submission, and which jobs or dead letters are meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

OnFailure = Literal["wait", "cancel", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A submission; None means the job type's own default."""

    job_type: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    priority: int | None = None
    """0 to 100, higher first."""
    max_retries: int | None = None
    timeout_ms: int | None = None
    scheduled_at: datetime | None = None
    """Not before; carries a time zone."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    queue_name: str | None = None
    idempotency_key: str | None = None
    """A second job of this type and key is not made: the first one comes back."""
    idempotency_window_s: float | None = None
    depends_on: Sequence[UUID] = ()
    on_dependency_failure: OnFailure = "wait"

    def body(self) -> dict[str, Any]:
        return given(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs; all conditions hold at once. Empty means all."""

    status: Sequence[str] = ()
    job_type: str | None = None
    queue_name: str | None = None
    created_by: str | None = None
    created_after: datetime | None = None
    """Inclusive."""
    created_before: datetime | None = None
    """Exclusive."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Contained in the job's own."""

    def body(self) -> dict[str, Any]:
        return given(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """Which open dead letters; all conditions hold at once. Empty means all."""

    job_type: str | None = None
    queue_name: str | None = None
    reason: str | None = None
    error_type: str | None = None
    fingerprint: str | None = None

    def body(self) -> dict[str, Any]:
        return given(self)


def given(form: Any) -> dict[str, Any]:
    """The fields that were set, as JSON holds them."""
    values = {name: getattr(form, name) for name in form.__dataclass_fields__}
    return {name: _plain(value) for name, value in values.items() if value is not None and value not in ((), {}, [])}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(item) for item in value]
    return value
