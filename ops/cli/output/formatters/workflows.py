"""Workflows and batches: lists, and one with all its fields."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType

from aeon_jobs.api.contract import Workflow
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


def workflow_list(found: Sequence[Workflow]) -> RenderableType:
    rows = [
        (w.id, w.name, w.kind, w.state, f"{w.completed} of {w.total}", w.failed, w.cancelled, w.created_at)
        for w in found
    ]
    return table(WORKFLOWS, rows, nothing="no workflow")


def workflow(found: Workflow) -> RenderableType:
    return field_list([(name, getattr(found, name)) for name in (*FIELDS, *MORE)])
