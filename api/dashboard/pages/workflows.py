"""Workflows and batches: how far they are, and what can be done with a whole one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args
from uuid import UUID

from aeon_jobs.api.contract.workflow_steps import WorkflowStep
from aeon_jobs.api.contract.workflows import WorkflowState
from aeon_jobs.api.dashboard.graph import MOST, draw
from aeon_jobs.api.dashboard.page import Action, Ask, Done, Page, link
from aeon_jobs.api.dashboard.payload_form import json_value
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.persistence.core.errors import InvalidJob, WorkflowNotFound

ROWS = 50
MOST_LISTED = 500
STATES = get_args(WorkflowState)


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """A page, newest first."""
    state = ask.get("state") if ask.get("state") in STATES else None
    values: dict[str, Any] = {"states": STATES, "state": state or "", "workflows": []}
    try:
        before = UUID(ask.get("before")) if ask.get("before") else None
    except ValueError:
        return values | {"errors": InvalidJob.at("before", "must be the id of a workflow").violations}
    found = jobs.workflows(state=state, name=ask.get("name") or None, before=before, limit=ROWS)
    return values | {"workflows": found, "next": found[-1].id if len(found) == ROWS else None}


def read_one(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """With its steps, as a drawing too if they are not too many."""
    workflow = jobs.workflow(_id(ask))
    steps = jobs.workflow_graph(workflow.id, limit=MOST_LISTED).steps if workflow.kind == "workflow" else []
    count = workflow.total if len(steps) == MOST_LISTED else len(steps)
    return {
        "title": f"{workflow.kind.capitalize()} {workflow.name}",
        "workflow": workflow,
        "steps": steps,
        "count": count,
        "drawing": draw({step.name: [dep.step for dep in step.deps] for step in steps})
        if 0 < len(steps) <= MOST
        else None,
        "shown": [(step.name, _state(step), step.status, link(f"/jobs/{step.job_id}")) for step in steps[:MOST]],
    }


def _state(step: WorkflowStep) -> str:
    """In the drawing."""
    if step.skipped:
        return "skipped"
    waits = step.waits_for if step.status == "pending" and step.is_reached else None
    return f"waits for {waits}" if waits else step.status


def cancel(jobs: Jobs, ask: Ask) -> Done:
    jobs.cancel_workflow(_id(ask), reason=ask.get("reason") or None)
    return Done(f"/workflows/{_id(ask)}", "It is being cancelled; jobs that run are asked to stop")


def retry(jobs: Jobs, ask: Ask) -> Done:
    jobs.retry_workflow(_id(ask), reason=ask.get("reason") or None)
    return Done(f"/workflows/{_id(ask)}", "Its jobs that failed or were cancelled start anew")


def signal(jobs: Jobs, ask: Ask) -> Done:
    """The step that waits goes on; the payload, as JSON, becomes its result."""
    jobs.signal_step(_id(ask), ask.parts["step"], json_value(ask.get("payload"), "payload"))
    return Done(f"/workflows/{_id(ask)}", f"{ask.parts['step']} has its signal")


def _id(ask: Ask) -> UUID:
    try:
        return UUID(ask.parts["workflow_id"])
    except ValueError:
        raise WorkflowNotFound(UUID(int=0)) from None


listing = Page(path="/workflows", title="Workflows", template="workflows.html", read=read, menu=True)
workflow = Page(path="/workflows/{workflow_id}", title="Workflow", template="workflow.html", read=read_one)
pages = [listing, workflow]
actions = [
    Action(path="/workflows/{workflow_id}/steps/{step}/signal", role=Role.OPERATOR, act=signal),
    Action(path="/workflows/{workflow_id}/cancel", role=Role.OPERATOR, act=cancel),
    Action(path="/workflows/{workflow_id}/retry", role=Role.OPERATOR, act=retry),
]
