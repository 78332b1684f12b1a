"""`aeon-jobs workflows`: jobs that belong together. A batch is a workflow without edges."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from aeon_jobs.ops.cli.commands.options import Yes
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.group import CommandGroup
from aeon_jobs.ops.cli.input.prompts import confirm
from aeon_jobs.ops.cli.input.values import json_object, json_value

app = CommandGroup(help="Workflows and batches: jobs that belong together.")
Id = Annotated[UUID, typer.Argument(metavar="WORKFLOW", help="Its id.")]
Reason = Annotated[str | None, typer.Option(help="Is stored.")]


class State(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@app.command("list")
def list_workflows(
    context: Context,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    name: Annotated[str | None, typer.Option(help="Only those of this name.")] = None,
    before: Annotated[UUID | None, typer.Option(metavar="WORKFLOW", help="Only those made before this one.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most rows.")] = 50,
) -> None:
    """List workflows and batches, newest first."""
    from aeon_jobs.ops.cli.output import formatters

    found = context.jobs.workflows(state=state and state.value, name=name, before=before, limit=limit)
    context.output.show(found, formatters.workflow_list)


@app.command()
def show(context: Context, workflow_id: Id) -> None:
    """Show a workflow with its progress, and its steps as a tree."""
    from aeon_jobs.ops.cli.output import formatters

    found = context.jobs.workflow(workflow_id)
    context.output.show(found, formatters.workflow)
    if found.kind == "workflow" and not context.output.as_json:
        context.output.show(context.jobs.workflow_graph(workflow_id), formatters.workflow_tree)


@app.command()
def steps(context: Context, workflow_id: Id) -> None:
    """Show the steps of a workflow as a tree."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.workflow_graph(workflow_id), formatters.workflow_tree)


@app.command()
def submit(
    context: Context,
    workflow: Annotated[
        str, typer.Argument(metavar="WORKFLOW", help="JSON with name and steps (or jobs), @file, or - for stdin.")
    ],
) -> None:
    """Submit a workflow with its steps, or a batch with its jobs. Prints its id."""
    made = context.jobs.create_workflow(json_object(workflow, "workflow"))
    context.output.show(made, lambda w: str(w.id))


@app.command()
def signal(
    context: Context,
    workflow_id: Id,
    step: Annotated[str, typer.Argument(metavar="STEP", help="Name of the step that waits.")],
    payload: Annotated[str | None, typer.Option(help="JSON; becomes the result of the step.")] = None,
) -> None:
    """Signal a step that waits. The step completes."""
    value = None if payload is None else json_value(payload, "payload")
    context.output.show(context.jobs.signal_step(workflow_id, step, value), lambda _: f"signalled {step}")


@app.command()
def close(context: Context, workflow_id: Id) -> None:
    """Close it: no more jobs are added, and it ends when all have ended."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.close_workflow(workflow_id), formatters.workflow)


@app.command()
def cancel(context: Context, workflow_id: Id, reason: Reason = None, yes: Yes = False) -> None:
    """Cancel it and its jobs."""
    from aeon_jobs.ops.cli.output import formatters

    if not yes:
        confirm(f"Cancel workflow {workflow_id} and all of its jobs?")
    context.output.show(context.jobs.cancel_workflow(workflow_id, reason=reason), formatters.workflow)


@app.command("retry-failed")
def retry_failed(context: Context, workflow_id: Id, reason: Reason = None, yes: Yes = False) -> None:
    """Retry its jobs that failed or were cancelled."""
    from aeon_jobs.ops.cli.output import formatters

    if not yes:
        confirm(f"Retry what failed in workflow {workflow_id}?")
    context.output.show(context.jobs.retry_workflow(workflow_id, reason=reason), formatters.workflow)
