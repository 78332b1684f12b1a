"""How things look on a terminal: one function per view."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from aeon_jobs.api import contract
from aeon_jobs.ops.cli.output.console import cell, clean, field_list, shorten, table


def job_list(jobs: Sequence[contract.JobSummary]) -> RenderableType:
    columns = ("id", "type", "status", "prio", "try", "queue", "created", "note")
    rows = [
        (
            job.job_id,
            job.job_type,
            job.status,
            job.priority,
            f"{job.retry_count}/{job.max_retries}",
            job.queue_name,
            job.created_at,
            shorten(_note(job), 60) or "",
        )
        for job in jobs
    ]
    return table(columns, rows, nothing="no job matches")


def _note(job: contract.JobSummary) -> str | None:
    if job.status == "pending" and job.blocked_by:
        return f"waits for {job.blocked_by} job(s)"
    if job.status == "running" and job.progress:
        return json.dumps(job.progress)
    return job.error_message or job.cancel_reason


def job(found: contract.Job) -> RenderableType:
    summary = field_list(
        [
            ("job", found.job_id),
            ("type", found.job_type),
            ("status", found.status),
            ("queue", found.queue_name),
            ("priority", found.priority),
            ("retries", f"{found.retry_count} of {found.max_retries}"),
            ("attempt", found.attempt),
            ("timeout", f"{found.timeout_ms} ms"),
            ("created", found.created_at),
            ("created by", found.created_by),
            ("scheduled", found.scheduled_at),
            ("started", found.started_at),
            ("completed", found.completed_at),
            ("worker", found.worker_id),
            ("waits for", f"{found.blocked_by} job(s)" if found.blocked_by else None),
            ("progress", found.progress),
            ("cancelled by", found.cancel_requested_by),
            ("reason", found.cancel_reason),
            ("error", found.error_message),
            ("idempotency key", found.idempotency_key),
            ("metadata", found.metadata),
        ]
    )
    return Group(summary, *_json("payload", found.payload), *_json("result", found.result), *attempts(found.executions))


def _json(title: str, value: object) -> list[RenderableType]:
    if value in (None, {}):
        return []
    text = clean(json.dumps(value, indent=2, ensure_ascii=False))
    return [Text(f"\n{title}", "bold"), Text(text)]


def attempts(executions: Sequence[contract.Execution]) -> list[RenderableType]:
    if not executions:
        return []
    rows = [
        (e.attempt, e.outcome, e.started_at, _took(e), e.worker_id, shorten(_error(e), 100) or "") for e in executions
    ]
    return [Text("\nattempts", "bold"), table(("#", "outcome", "started", "took", "worker", "error"), rows)]


def _took(execution: contract.Execution) -> str:
    return "-" if execution.duration_ms is None else f"{execution.duration_ms / 1_000:.2f} s"


def _error(execution: contract.Execution) -> str:
    return f"{execution.error_type or ''}: {execution.error_message or ''}".strip(": ")


def explanation(found: contract.Explanation) -> RenderableType:
    lines = [Text.assemble(("• ", "bold"), cell(reason.message)) for reason in found.reasons]
    return Group(Text.assemble("job ", str(found.job_id), " is ", cell(found.status)), *lines)


def letter_list(letters: Sequence[contract.DeadLetterSummary]) -> RenderableType:
    rows = [
        (
            letter.id,
            letter.job_id,
            letter.job_type,
            letter.reason,
            letter.attempts,
            letter.created_at,
            letter.resolution or "open",
            shorten(f"{letter.error_type or ''}: {letter.error_message or ''}".strip(": "), 60) or "",
        )
        for letter in letters
    ]
    columns = ("id", "job", "type", "reason", "tries", "since", "state", "error")
    return table(columns, rows, nothing="no dead letter matches")


def letter(found: contract.DeadLetter) -> RenderableType:
    summary = field_list(
        [
            ("dead letter", found.id),
            ("job", found.job_id),
            ("type", found.job_type),
            ("queue", found.queue_name),
            ("reason", found.reason),
            ("since", found.created_at),
            ("state", f"{found.resolution} by {found.resolved_by}" if found.resolution else "open"),
            ("error", f"{found.error_type}: {found.error_message}"),
            ("fingerprint", found.fingerprint),
        ]
    )
    trace: list[RenderableType] = []
    if found.traceback:
        trace = [Text("\ntraceback", "bold"), Text(clean(found.traceback))]
    return Group(summary, *_json("payload", found.payload), *attempts(found.executions), *trace)


def causes(found: Sequence[contract.DeadLetterCause]) -> RenderableType:
    rows = [(c.count, c.job_type, c.error_type, shorten(c.error_message, 60), c.fingerprint) for c in found]
    return table(("count", "type", "error", "message", "fingerprint"), rows, nothing="no open dead letter")


def batch(answer: contract.BatchAnswer) -> RenderableType:
    counts: dict[str, int] = {}
    for item in answer.items:
        counts[item.outcome] = counts.get(item.outcome, 0) + 1
    words = {"done": "done", "requested": "asked to stop", "wrong_state": "in another state", "not_found": "not found"}
    parts = [f"{count} {words.get(outcome, outcome)}" for outcome, count in counts.items()]
    return Text(("would be: " if answer.dry_run else "") + (", ".join(parts) or "nothing matches"))


def schedule_list(found: Sequence[contract.Schedule]) -> RenderableType:
    rows = [
        (
            s.name,
            s.cron,
            s.timezone,
            s.job_type,
            s.enabled,
            s.next_run_at,
            s.last_run_at,
            shorten(s.last_error, 40) or "",
        )
        for s in found
    ]
    columns = ("name", "cron", "zone", "type", "enabled", "next", "last", "error")
    return table(columns, rows, nothing="no schedule")


def schedule(found: contract.Schedule) -> RenderableType:
    names = (
        "name",
        "id",
        "cron",
        "timezone",
        "job_type",
        "enabled",
        "catch_up",
        "priority",
        "max_retries",
        "timeout_ms",
    )
    moments = ("next_run_at", "last_run_at", "last_error", "created_by", "created_at")
    pairs = [(name, getattr(found, name)) for name in (*names, *moments)]
    return Group(field_list(pairs), *_json("payload", found.payload))


def queue_list(found: Sequence[contract.Queue]) -> RenderableType:
    rows = [(q.name, q.ready, q.queued, q.running, q.workers, q.threads, q.max_running, _pause(q)) for q in found]
    return table(("queue", "ready", "queued", "running", "workers", "threads", "limit", "paused"), rows)


def _pause(queue: contract.Queue) -> str:
    if queue.paused_at is None:
        return ""
    return f"by {queue.paused_by}" + (f": {queue.pause_reason}" if queue.pause_reason else "")


def worker_list(found: Sequence[contract.Worker]) -> RenderableType:
    rows = [
        (
            w.id,
            w.kind,
            w.state if w.alive or w.state != "running" else "silent",
            w.busy,
            w.threads,
            w.queues,
            w.last_seen_at,
        )
        for w in found
    ]
    columns = ("id", "kind", "state", "busy", "threads", "queues", "last seen")
    return table(columns, rows, nothing="no process is known")


def type_list(found: Sequence[contract.JobType]) -> RenderableType:
    rows = [
        (t.name, t.queue_name, t.priority, t.max_retries, f"{t.timeout_ms} ms", shorten(t.description)) for t in found
    ]
    return table(("type", "queue", "prio", "retries", "timeout", "description"), rows, nothing="no job type")


def job_type(found: contract.JobType) -> RenderableType:
    names = ("name", "queue_name", "priority", "max_retries", "timeout_ms", "description")
    pairs = [(name, getattr(found, name)) for name in names]
    return Group(field_list(pairs), *_json("payload schema", found.payload_schema), *_json("example", found.example))


def key_list(found: Sequence[contract.ApiKey]) -> RenderableType:
    rows = [(k.id, k.name, k.role, k.created_by, k.expires_at, k.last_used_at, k.revoked_at) for k in found]
    return table(("id", "name", "role", "made by", "expires", "last used", "revoked"), rows, nothing="no key")
