"""Workflows: jobs that belong together, with counters, an end, and callbacks. A batch is a workflow without edges.

1. `create` makes the workflow, open: jobs may be added, and it does not end.
2. Every job that is added, and every one that ends, writes a row of workflow_changes: the trigger jobs_count_in_workflow does,
   or a statement that counts many at once (`record_jobs`, `counted_at_once`).
3. A dispatcher adds the rows up (the function settle_workflows). If the workflow is closed and every job has ended, the same
   transaction ends the workflow and submits its callbacks: so each end has them once.
4. A job that ended and begins anew (requeue) brings a workflow that was over back. It will end again, with callbacks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.database import borrowed, run
from aeon_jobs.persistence.core.errors import InvalidJob, Violation, WorkflowNotFound, WrongWorkflowState
from aeon_jobs.persistence.core.payloads import is_storable
from aeon_jobs.persistence.queue import job_types

if TYPE_CHECKING:
    from sqlalchemy import Connection

Kind = Literal["workflow", "batch"]
PORTION = 1_000
"""Most jobs that one statement cancels or retries."""
MAX_METADATA_BYTES = 65_536
_CALLBACKS = ("on_finished", "on_success", "on_failure")


@dataclass(frozen=True, slots=True)
class Callback:
    """A job that is submitted when a workflow ends. Its metadata has `workflow`: id, kind, name, state and the counters."""

    job_type: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWorkflow:
    name: str
    kind: Kind = "workflow"
    unique_key: str | None = None
    """While a workflow of this name and key is not over, creating it again brings it back."""
    deadline_at: datetime | None = None
    """Not over by then, it is cancelled."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    on_finished: Callback | None = None
    on_success: Callback | None = None
    """When every job completed."""
    on_failure: Callback | None = None
    """When a job failed or was cancelled."""
    created_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A workflow as it stands. The counters are of this moment; the state follows within a moment of the dispatcher."""

    id: UUID
    kind: Kind
    name: str
    state: str
    closed_at: datetime | None
    total: int
    completed: int
    failed: int
    cancelled: int
    unique_key: str | None
    deadline_at: datetime | None
    metadata: dict[str, Any]
    on_finished: dict[str, Any] | None
    on_success: dict[str, Any] | None
    on_failure: dict[str, Any] | None
    created_by: str | None
    cancel_requested_at: datetime | None
    cancel_requested_by: str | None
    cancel_reason: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def left(self) -> int:
        """Jobs that have not ended."""
        return max(0, self.total - self.completed - self.failed - self.cancelled)


def create(connection: Connection, new: NewWorkflow) -> tuple[Workflow, bool]:
    """Make a workflow, open and without jobs; whether it is new: a unique key may bring an existing one back.

    Raises:
        InvalidJob: names every field at fault.
    """
    if faults := [*_broken_rules(new), *_broken_callbacks(connection, new)]:
        raise InvalidJob(faults)
    parameters: dict[str, Any] = {
        "name": new.name,
        "kind": new.kind,
        "unique_key": new.unique_key,
        "deadline_at": new.deadline_at,
        "metadata": json.dumps(dict(new.metadata)),
        "created_by": new.created_by,
    }
    for name in _CALLBACKS:
        callback: Callback | None = getattr(new, name)
        parameters[name] = callback and json.dumps({"job_type": callback.job_type, "payload": dict(callback.payload)})
    if new.unique_key is not None:
        run(connection, "queue/free_workflow_key", {"name": new.name, "unique_key": new.unique_key})
    row = run(connection, "queue/create_workflow", parameters).one()
    return get(connection, row.id), bool(row.is_new)


def get(connection: Connection, workflow_id: UUID) -> Workflow:
    """
    Raises:
        WorkflowNotFound
    """
    row = run(connection, "queue/workflow", {"id": workflow_id}).mappings().one_or_none()
    if row is None:
        raise WorkflowNotFound(workflow_id)
    return Workflow(**row)


def hold_open(connection: Connection, workflow_id: UUID) -> None:
    """Before jobs are added from outside: until this transaction ends, the workflow cannot be closed.

    Raises:
        WorkflowNotFound
        WrongWorkflowState: it is closed.
    """
    row = run(connection, "queue/hold_workflow", {"id": workflow_id}).one_or_none()
    if row is None:
        raise WorkflowNotFound(workflow_id)
    if row.closed_at is not None or row.cancel_requested_at is not None:
        raise WrongWorkflowState(workflow_id, "closed" if row.closed_at else "cancelled", "take more jobs")


def close(connection: Connection, workflow_id: UUID) -> Workflow:
    """No more jobs are added from outside: it ends when its jobs have. Waits for those who are adding. May be repeated.

    Raises:
        WorkflowNotFound
    """
    run(connection, "queue/lock_workflow", {"id": workflow_id})
    run(connection, "queue/close_workflow", {"id": workflow_id})
    return get(connection, workflow_id)


def page(
    connection: Connection,
    *,
    state: str | None = None,
    name: str | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[Workflow]:
    """Workflows, newest first; those made before `before`."""
    parameters = {"state": state, "name": name, "before": before, "limit": limit}
    return [Workflow(**row) for row in run(connection, "queue/list_workflows", parameters).mappings()]


def request_cancel(
    connection: Connection, workflow_id: UUID, *, by: str | None = None, reason: str | None = None
) -> Workflow:
    """Cancel it. The jobs follow: some at a time, by `cancel_overdue`, which a dispatcher calls every second.

    Raises:
        WorkflowNotFound
        WrongWorkflowState: it is over.
    """
    won = run(connection, "queue/request_cancel_workflow", {"id": workflow_id, "by": by, "reason": reason}).rowcount
    workflow = get(connection, workflow_id)
    if not won and workflow.finished_at is not None:
        raise WrongWorkflowState(workflow_id, workflow.state, "be cancelled")
    return workflow


def cancel_overdue(connection: Connection) -> int:
    """Cancel jobs of workflows that are cancelled or whose deadline has passed, some of each; how many jobs. Each statement
    is a transaction. A workflow is closed when nobody is adding jobs to it.
    """
    cancelled = 0
    for workflow_id in list(run(connection, "queue/overdue_workflows").scalars()):
        run(connection, "queue/close_idle_workflow", {"id": workflow_id})
        cancelled += run(connection, "queue/cancel_workflow_jobs", {"id": workflow_id, "rows": PORTION}).rowcount
    return cancelled


def resume(connection: Connection, workflow_id: UUID) -> None:
    """Before its jobs are retried: it is not cancelled any more, and a deadline that has passed does not count.

    Raises:
        WorkflowNotFound
    """
    if not run(connection, "queue/resume_workflow", {"id": workflow_id}).rowcount:
        raise WorkflowNotFound(workflow_id)


def retry_portion(connection: Connection, workflow_id: UUID, by: str | None = None) -> int:
    """Give up to 1,000 of its jobs that failed or were cancelled a new life; how many."""
    return run(connection, "queue/retry_workflow_jobs", {"id": workflow_id, "by": by, "rows": PORTION}).rowcount


def forget(connection: Connection, days: int) -> int:
    """Delete workflows that ended more than `days` ago and have no jobs any more, at most 1,000; how many."""
    return run(connection, "queue/forget_workflows", {"days": days}).rowcount


def settle(connection: Connection) -> int:
    """Add up what changed, and end the workflows that are over; how many were looked at. Dispatchers do so all the time."""
    return int(run(connection, "queue/settle_workflows").scalar_one())


@contextmanager
def counted_at_once(
    connection: Connection, workflow_id: UUID | None, added: Sized, schema: str | None = None
) -> Iterator[None]:
    """Around a COPY of jobs of one workflow: they are counted together, when it is over and `added` has them.

    Raises:
        WorkflowNotFound: roll back.
    """
    if workflow_id is None:
        yield
        return
    connection.exec_driver_sql("SET LOCAL aeon_jobs.counts_jobs = 'on'")
    yield
    connection.exec_driver_sql("SET LOCAL aeon_jobs.counts_jobs = 'off'")
    with borrowed(connection, schema):
        counted = run(connection, "queue/count_added", {"id": workflow_id, "added": len(added)}).rowcount
    if not counted:
        raise WorkflowNotFound(workflow_id)


def _broken_rules(new: NewWorkflow) -> list[Violation]:
    broken = [
        Violation(name, f"must be 1 to {limit} characters of plain text")
        for name, limit, text in (
            ("name", 100, new.name),
            ("unique_key", 255, new.unique_key),
            ("created_by", 255, new.created_by),
        )
        if not (text is None and name != "name")
        and not (isinstance(text, str) and 0 < len(text) <= limit and is_storable(text))
    ]
    if new.deadline_at is not None and (not isinstance(new.deadline_at, datetime) or new.deadline_at.tzinfo is None):
        broken.append(Violation("deadline_at", "must be a point in time that carries a time zone"))
    try:
        payloads.encode(dict(new.metadata), "metadata", limit=MAX_METADATA_BYTES)
    except InvalidJob as error:
        broken += error.violations
    return broken


def _broken_callbacks(connection: Connection, new: NewWorkflow) -> Iterator[Violation]:
    for name in _CALLBACKS:
        callback: Callback | None = getattr(new, name)
        if callback is None:
            continue
        try:
            known = job_types.get(connection, callback.job_type)
            payloads.encode(dict(callback.payload), "payload", limit=MAX_METADATA_BYTES)
            payloads.validate(callback.payload, known.payload_schema)
        except InvalidJob as error:
            yield from (Violation(f"{name}.{v.field}", v.rule) for v in error.violations)
