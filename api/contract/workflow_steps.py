"""Workflows as graphs: steps that wait for each other, for signals and for times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from annotated_types import Ge, Le, MaxLen

from aeon_jobs.api.contract.fields import (
    Name,
    Priority,
    Request,
    Retries,
    Status,
    TimeoutMs,
)
from aeon_jobs.api.contract.jobs import OnFailure

WaitMs = Annotated[int, Ge(0), Le(366 * 86_400_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCondition(Request):
    """A look at the result of a step that is waited for."""

    step: Name
    path: Annotated[str, MaxLen(200)] = ""
    """Dotted, such as `customer.country`; empty for the whole result."""
    operator: Literal["==", "!=", "<", "<=", ">", ">=", "in", "exists", "missing"]
    value: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep(Request):
    """A step: a job, or something to wait for."""

    name: Name
    job_type: Name | None = None
    """None: the step waits, as `wait` says."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    priority: Priority | None = None
    max_retries: Retries | None = None
    timeout_ms: TimeoutMs | None = None
    queue_name: Name | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    deps: Sequence[Name] = ()
    """Names of the steps that must complete first."""
    on_failure: OnFailure = "cancel"
    """When one of them fails: cancel this step, wait until somebody retries, or run it all the same."""
    on_failure_of: Mapping[str, OnFailure] = field(default_factory=dict)
    """The same, by the names of single deps."""
    skip_if: Annotated[Sequence[StepCondition], MaxLen(10)] = ()
    """The step completes without running if one is met."""
    cancel_if: Annotated[Sequence[StepCondition], MaxLen(10)] = ()
    results: Mapping[str, str | list[str]] = field(default_factory=dict)
    """Arguments that are results of its deps: `{"rows": "fetch"}`; of a list of names, the list of their results."""
    wait: Literal["signal", "time"] | None = None
    """Of a step without a job type: it completes when its signal came, or after `wait_ms`."""
    wait_ms: WaitMs | None = None
    """Milliseconds after its deps. A job starts then; a step that waits for a signal is cancelled then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEdge:
    step: str
    """Its name; of a job that is in no workflow, its id."""
    on_failure: OnFailure
    is_satisfied: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowStep:
    name: str
    job_id: UUID
    job_type: str
    status: Status
    deps: list[StepEdge]
    waits_for: Literal["signal", "timer"] | None
    """It has no handler."""
    is_reached: bool
    """Of a step that waits for a signal or a time: its deps are over."""
    due_at: datetime | None
    """When the time has come, or the signal comes too late."""
    skipped: str | None
    """The condition that was met."""
    error_message: str | None
    """Why it failed or was cancelled."""
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowGraph:
    workflow_id: UUID
    name: str
    state: Literal["pending", "running", "completed", "failed", "cancelled"]
    total: int
    completed: int
    failed: int
    cancelled: int
    steps: list[WorkflowStep]
    """In the order in which they were added, 10,000 at most."""
    is_complete: bool
    """False: there are more steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal(Request):
    """What a step that waits gets."""

    payload: Any = None
    """Becomes the result of the step."""
