"""Workflows: jobs that belong together, with counters, an end, and callbacks. A batch is a workflow without edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from annotated_types import MaxLen

from aeon_jobs.api.contract.fields import Instant, JsonObject, Key, Name, Request
from aeon_jobs.api.contract.jobs import MAX_BATCH, NewJob
from aeon_jobs.api.contract.workflow_steps import NewStep

WorkflowKind = Literal["workflow", "batch"]
WorkflowState = Literal["pending", "running", "completed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowCallback(Request):
    """A job that is submitted when the workflow ends. Its metadata has the workflow: id, state, counters."""

    job_type: Name
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWorkflow(Request):
    """A batch (`jobs`) or a workflow (`steps`) to submit. All of it is stored, or nothing."""

    name: Name
    jobs: Annotated[Sequence[NewJob], MaxLen(MAX_BATCH)] = ()
    steps: Annotated[Sequence[NewStep], MaxLen(MAX_BATCH)] = ()
    """Jobs that wait for each other, by their names."""
    is_open: bool = False
    """Jobs that name its id may be added until it is closed. Without it, it is closed from the start."""
    unique_key: Key | None = None
    """While a workflow of this name and key is not over, that one comes back."""
    deadline_at: Instant | None = None
    """What has not ended by then is cancelled."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    on_success: WorkflowCallback | None = None
    """When every job completed."""
    on_failure: WorkflowCallback | None = None
    """When all have ended, and one failed or was cancelled."""
    on_finished: WorkflowCallback | None = None
    """In both cases."""

    def __post_init__(self) -> None:
        if self.steps and (self.jobs or self.is_open):
            raise ValueError("must have either steps or jobs; with steps it is not open")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A workflow as it stands."""

    id: UUID
    kind: WorkflowKind
    name: str
    state: WorkflowState
    closed_at: datetime | None
    """Null: jobs may be added, and it does not end."""
    total: int
    completed: int
    failed: int
    cancelled: int
    unique_key: str | None
    deadline_at: datetime | None
    """Of one that was cancelled: that moment at the latest."""
    metadata: JsonObject
    on_success: JsonObject | None
    on_failure: JsonObject | None
    on_finished: JsonObject | None
    created_by: str | None
    cancel_requested_at: datetime | None
    cancel_requested_by: str | None
    cancel_reason: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
