"""Workflows and batches: lists, one with all its fields, and the steps of one as a tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from aeon_jobs.api.contract import Workflow, WorkflowGraph, WorkflowStep
from aeon_jobs.ops.cli.output.console import field_list
from aeon_jobs.ops.cli.output.tables import Column, table

WORKFLOWS = (
    Column("id", least=36),
    Column("name", least=16),
    Column("kind", rank=4),
    Column("state"),
    Column("done", rank=1),
    Column("failed", rank=2),
    Column("cancelled", rank=3),
    Column("created", rank=3),
)
FIELDS = (
    "id",
    "kind",
    "name",
    "state",
    "total",
    "completed",
    "failed",
    "cancelled",
    "closed_at",
    "deadline_at",
    "unique_key",
)
MORE = (
    "metadata",
    "cancel_requested_at",
    "cancel_requested_by",
    "cancel_reason",
    "created_by",
    "created_at",
    "finished_at",
)
MAX_LINES = 200
STYLES = {"completed": "green", "failed": "red", "cancelled": "yellow", "running": "cyan"}


def workflow_list(found: Sequence[Workflow]) -> RenderableType:
    rows = [
        (w.id, w.name, w.kind, w.state, f"{w.completed} of {w.total}", w.failed, w.cancelled, w.created_at)
        for w in found
    ]
    return table(WORKFLOWS, rows, nothing="no workflow")


def workflow(found: Workflow) -> RenderableType:
    return field_list([(name, getattr(found, name)) for name in (*FIELDS, *MORE)])


def workflow_tree(graph: WorkflowGraph) -> RenderableType:
    """Each step stands once, below the last one of its deps; the others are named beside it."""
    over = graph.completed + graph.failed + graph.cancelled
    tree = Tree(Text(f"{graph.name}  {graph.state}, {over} of {graph.total} steps over"))
    children = _children(graph.steps)
    stack = [(tree, step) for step in reversed(children[None])]
    lines = 0
    while stack and lines < MAX_LINES:
        branch, step = stack.pop()
        lines += 1
        below = branch.add(_line(step))
        stack += [(below, child) for child in reversed(children[step.name])]
    if lines < len(graph.steps) or not graph.is_complete:
        tree.add(Text(f"… {len(graph.steps) - lines}{'' if graph.is_complete else ' or more'} more steps"))
    return tree


def _children(steps: list[WorkflowStep]) -> dict[str | None, list[WorkflowStep]]:
    places = {step.name: place for place, step in enumerate(_in_order(steps))}
    children: dict[str | None, list[WorkflowStep]] = defaultdict(list)
    for step in steps:
        parents = [edge.step for edge in step.deps if edge.step in places]
        children[max(parents, key=places.__getitem__, default=None)].append(step)
    return children


def _in_order(steps: list[WorkflowStep]) -> list[WorkflowStep]:
    """Parents before children."""
    names = {step.name for step in steps}
    left = {step.name: sum(edge.step in names for edge in step.deps) for step in steps}
    below: dict[str, list[WorkflowStep]] = defaultdict(list)
    for step in steps:
        for edge in step.deps:
            below[edge.step].append(step)
    order = [step for step in steps if not left[step.name]]
    for step in order:
        for child in below[step.name]:
            left[child.name] -= 1
            if not left[child.name]:
                order.append(child)
    return order


def _line(step: WorkflowStep) -> Text:
    text = Text(f"{step.name}  ")
    text.append(step.status, STYLES.get(step.status, ""))
    parents = [edge.step for edge in step.deps]
    notes = [
        f"skipped: {step.skipped}" if step.skipped else "",
        step.error_message or "",
        _waiting(step) if step.status == "pending" else "",
        f"after {', '.join(parents[:5])}{f' and {len(parents) - 5} more' if len(parents) > 5 else ''}"
        if len(parents) > 1
        else "",
    ]
    text.append("".join(f"  {note.splitlines()[0]}" for note in notes if note), "dim")
    return text


def _waiting(step: WorkflowStep) -> str:
    if step.waits_for is None or not step.is_reached:
        return ""
    until = f" until {step.due_at:%Y-%m-%d %H:%M:%S %Z}" if step.due_at else ""
    return f"waits for its {'signal' if step.waits_for == 'signal' else 'time'}{until}"
