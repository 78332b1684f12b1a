"""Bulk changes: a list, and one with all its fields."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType

from aeon_jobs.api.contract import BulkChange
from aeon_jobs.ops.cli.output.console import field_list
from aeon_jobs.ops.cli.output.tables import Column, table

COLUMNS = (
    Column("number"),
    Column("action"),
    Column("state"),
    Column("matched", rank=2),
    Column("looked at", rank=1),
    Column("changed"),
    Column("by", rank=3),
    Column("created", rank=3),
)
FIELDS = (
    *("id", "action", "state", "matched", "looked_at", "changed", "filter", "options", "reason", "error"),
    *("created_by", "created_at", "moved_at", "finished_at", "stopped_by"),
)


def bulk_change_list(found: Sequence[BulkChange]) -> RenderableType:
    rows = [(b.id, b.action, b.state, b.matched, b.looked_at, b.changed, b.created_by, b.created_at) for b in found]
    return table(COLUMNS, rows, nothing="no bulk change")


def bulk_change(found: BulkChange) -> RenderableType:
    return field_list((name, value) for name in FIELDS if (value := getattr(found, name)) not in (None, {}))
