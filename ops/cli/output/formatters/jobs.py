"""Jobs: lists, one job with all that is known, why it does not run, what a bulk change did."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from aeon_jobs.api.contract import BatchAnswer, Dependency, Execution, Explanation, Job, JobEvent, JobSummary
from aeon_jobs.ops.cli.output.console import field_list
from aeon_jobs.ops.cli.output.tables import Column, table
from aeon_jobs.ops.cli.output.values import cell, clean, first_line

JOBS = (
    Column("id"),
    Column("type", least=24),
    Column("status"),
    Column("prio", rank=4),
    Column("try", rank=3),
    Column("queue", rank=5),
    Column("created", rank=1),
    Column("note", rank=2, least=16),
)
EXECUTIONS = (
    Column("#"),
    Column("outcome"),
    Column("started", rank=2),
    Column("took", rank=1),
    Column("worker", rank=3, least=16),
    Column("error", least=16),
)
DEPENDENCIES = (Column("job"), Column("type", rank=1, least=24), Column("status"), Column("if it fails", rank=2))


def job_list(jobs: Sequence[JobSummary]) -> RenderableType:
    rows = [
        (
            job.job_id,
            job.job_type,
            job.status,
            job.priority,
            f"{job.retry_count}/{job.max_retries}",
            job.queue_name,
            job.created_at,
            first_line(_note(job)),
        )
        for job in jobs
    ]
    return table(JOBS, rows, nothing="no job matches")


def _note(job: JobSummary) -> str | None:
    if job.status == "pending" and job.blocked_by:
        return f"waits for {job.blocked_by} job(s)"
    if job.status == "running" and job.progress:
        return json.dumps(job.progress)
    return job.error_message or job.cancel_reason


def job(found: Job) -> RenderableType:
    summary = field_list(
        [
            ("job", found.job_id),
            ("type", found.job_type),
            ("status", found.status),
            ("queue", found.queue_name),
            ("priority", found.priority),
            ("retries", f"{found.retry_count} of {found.max_retries}"),
            ("attempt", found.attempt or None),
            ("timeout", f"{found.timeout_ms} ms"),
            ("created", found.created_at),
            ("created by", found.created_by),
            ("scheduled", found.scheduled_at),
            ("expires", found.expires_at),
            ("started", found.started_at),
            ("completed", found.completed_at),
            ("archived", found.archived_at),
            ("worker", found.worker_id),
            ("waits for", f"{found.blocked_by} job(s)" if found.blocked_by else None),
            ("progress", found.progress),
            ("cancelled by", found.cancel_requested_by),
            ("reason", found.cancel_reason),
            ("error", found.error_message),
            ("dead letter", found.dead_letter_id),
            ("schedule", found.schedule_id),
            ("workflow", found.workflow_id),
            ("step", found.step_name),
            ("idempotency key", found.idempotency_key),
            ("metadata", found.metadata),
        ]
    )
    return Group(
        summary,
        *_dependencies(found.dependencies),
        *json_block("payload", found.payload),
        *json_block("result", found.result),
        *executions(found.executions),
        *traceback(next((e.traceback for e in reversed(found.executions) if e.traceback), None)),
    )


def _dependencies(found: Sequence[Dependency]) -> list[RenderableType]:
    if not found:
        return []
    rows = [(d.job_id, d.job_type, d.status, d.on_failure) for d in found]
    return [Text("\ndependencies", "bold"), table(DEPENDENCIES, rows)]


def json_block(title: str, value: object) -> list[RenderableType]:
    """A value as indented JSON under its title; nothing when there is no value."""
    if value in (None, {}):
        return []
    return [Text(f"\n{title}", "bold"), as_it_is(json.dumps(value, indent=2, ensure_ascii=False))]


def as_it_is(text: str) -> Text:
    """Text that is not wrapped: it can be copied."""
    return Text(clean(text), no_wrap=True, overflow="ignore")


def executions(found: Sequence[Execution]) -> list[RenderableType]:
    """Every attempt that ended."""
    if not found:
        return []
    rows = [(e.attempt, e.outcome, e.started_at, _took(e), e.worker_id, first_line(error_line(e))) for e in found]
    return [Text("\nattempts", "bold"), table(EXECUTIONS, rows)]


def traceback(text: str | None) -> list[RenderableType]:
    """The traceback of the last attempt that has one."""
    return [Text("\ntraceback", "bold"), as_it_is(text.rstrip())] if text else []


def _took(execution: Execution) -> str:
    return "-" if execution.duration_ms is None else f"{execution.duration_ms / 1_000:.2f} s"


def error_line(found: Execution) -> str:
    return f"{found.error_type or ''}: {found.error_message or ''}".strip(": ")


def event(found: JobEvent) -> RenderableType:
    """A job that is watched, as it is now."""
    return field_list(
        [
            ("job", found.job_id),
            ("type", found.job_type),
            ("status", found.status),
            ("attempt", found.attempt or None),
            ("progress", found.progress),
            ("scheduled", found.scheduled_at),
            ("error", found.error_message),
            ("changed", found.updated_at),
        ]
    )


def explanation(found: Explanation) -> RenderableType:
    reasons = Table.grid(padding=(0, 1, 0, 0))
    for reason in found.reasons:
        reasons.add_row("•", Text(clean(reason.message)))
    return Group(Text.assemble("job ", str(found.job_id), " is ", cell(found.status)), reasons)


def batch(answer: BatchAnswer) -> RenderableType:
    """What became of the jobs of a bulk change, in one line."""
    words = {"done": "done", "requested": "asked to stop", "wrong_state": "in another state", "not_found": "not found"}
    counts = Counter(item.outcome for item in answer.items)
    parts = ", ".join(f"{count} {words.get(outcome, outcome)}" for outcome, count in counts.items())
    return Text(("would be: " if answer.dry_run else "") + (parts or "nothing matches"))
