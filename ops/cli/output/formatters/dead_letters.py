"""Dead letters: lists, one with all that is known, and their causes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from aeon_jobs.api.contract import DeadLetter, DeadLetterSummary, FailureGroup, FailureGroups
from aeon_jobs.ops.cli.output.console import field_list
from aeon_jobs.ops.cli.output.formatters.history import blocks
from aeon_jobs.ops.cli.output.formatters.jobs import executions, json_block, traceback
from aeon_jobs.ops.cli.output.tables import Column, table
from aeon_jobs.ops.cli.output.values import first_line

DEAD_LETTERS = (
    Column("id"),
    Column("job", rank=3),
    Column("type", least=24),
    Column("reason", rank=1),
    Column("tries", rank=5),
    Column("since", rank=2),
    Column("state", rank=4),
    Column("error", least=16),
)
CAUSES = (
    Column("count"),
    Column("type", least=24),
    Column("error", rank=1, least=16),
    Column("message", rank=2, least=16),
    Column("fingerprint"),
)

GROUPS = (
    Column("open"),
    Column("count", rank=4),
    Column("first seen", rank=5),
    Column("last seen", rank=2),
    Column("type", least=24),
    Column("error", least=16),
    Column("over time", rank=3),
    Column("fingerprint", rank=1),
)


def dead_letter_list(found: Sequence[DeadLetterSummary]) -> RenderableType:
    rows = [
        (d.id, d.job_id, d.job_type, d.reason, d.attempts, d.created_at, d.resolution or "open", first_line(_error(d)))
        for d in found
    ]
    return table(DEAD_LETTERS, rows, nothing="no dead letter matches")


def dead_letter(found: DeadLetter) -> RenderableType:
    summary = field_list(
        [
            ("dead letter", found.id),
            ("job", found.job_id),
            ("type", found.job_type),
            ("queue", found.queue_name),
            ("reason", found.reason),
            ("since", found.created_at),
            ("state", f"{found.resolution} by {found.resolved_by}" if found.resolution else "open"),
            ("error", _error(found)),
            ("fingerprint", found.fingerprint),
        ]
    )
    return Group(
        summary,
        *json_block("payload", found.payload),
        *executions(found.executions),
        *traceback(found.traceback),
    )


def failure_groups(found: FailureGroups) -> RenderableType:
    rows = [
        (
            group.open,
            group.count,
            group.first_seen_at,
            group.last_seen_at,
            group.job_type,
            first_line(_error(group)),
            blocks(group.chart),
            group.fingerprint,
        )
        for group in found.items
    ]
    capped = [Text(f"more than 20,000 dead letters in {found.period}: older ones are not counted", "dim")]
    return Group(table(GROUPS, rows, nothing="no dead letter"), *(capped if found.is_capped else []))


def _error(found: DeadLetterSummary | FailureGroup) -> str:
    return f"{found.error_type or ''}: {found.error_message or ''}".strip(": ")
