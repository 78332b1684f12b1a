"""Calls about workflows and batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from aeon_jobs.api import contract
from aeon_jobs.api.client.bodies import body
from aeon_jobs.api.client.operations import BULK_EXTRA_S, Operation, get, post, segment
from aeon_jobs.api.client.parsing import listed, one, plain


def workflows(
    *, state: str | None = None, name: str | None = None, before: UUID | None = None, limit: int = 50
) -> Operation[list[contract.Workflow]]:
    """Workflows, newest first; those made before `before`."""
    return get("/api/workflows", listed(contract.Workflow), state=state, name=name, before=before, limit=limit)


def workflow(workflow_id: UUID) -> Operation[contract.Workflow]:
    return get(f"/api/workflows/{workflow_id}", one(contract.Workflow))


def workflow_graph(workflow_id: UUID) -> Operation[contract.WorkflowGraph]:
    """The steps of a workflow, what they wait for, and how they stand."""
    return get(f"/api/workflows/{workflow_id}/graph", one(contract.WorkflowGraph))


def create_workflow(fields: Mapping[str, Any]) -> Operation[contract.Workflow]:
    """Submit a batch or a workflow of the fields of `contract.NewWorkflow`, with its jobs or its steps."""
    given = plain(
        {**fields, "jobs": [body(job) if isinstance(job, contract.NewJob) else job for job in fields.get("jobs", ())]}
    )
    return Operation(
        method="POST", path="/api/workflows", read=one(contract.Workflow), body=given, extra_s=BULK_EXTRA_S
    )


def signal_step(workflow_id: UUID, step: str, payload: Any = None) -> Operation[contract.Workflow]:
    """Give a step that waits its signal; the payload becomes its result.

    Raises:
        WrongState: it waits for no signal, or has had it.
    """
    path = f"/api/workflows/{workflow_id}/steps/{segment(step)}/signal"
    return post(path, one(contract.Workflow), {"payload": payload})


def close_workflow(workflow_id: UUID) -> Operation[contract.Workflow]:
    """No more jobs are added: it ends when all have ended."""
    return post(f"/api/workflows/{workflow_id}/close", one(contract.Workflow))


def cancel_workflow(workflow_id: UUID, *, reason: str | None = None) -> Operation[contract.Workflow]:
    """Cancel it. Its jobs follow, some at a time; those that run are asked to stop.

    Raises:
        WrongState: it is over.
    """
    params = (("reason", reason),) if reason else ()
    return Operation(method="DELETE", path=f"/api/workflows/{workflow_id}", read=one(contract.Workflow), params=params)


def retry_workflow(workflow_id: UUID, *, reason: str | None = None) -> Operation[contract.Workflow]:
    """Give its jobs that failed or were cancelled a new life; it runs again."""
    return post(f"/api/workflows/{workflow_id}/retry-failed", one(contract.Workflow), reason=reason)
