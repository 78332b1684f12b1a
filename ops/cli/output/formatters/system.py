"""Queues, workers, job types, keys, the audit log."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType

from aeon_jobs.api.contract import ApiKey, AuditEntry, JobType, JsonObject, KeyUsage, Queue, Worker
from aeon_jobs.ops.cli.output.console import field_list
from aeon_jobs.ops.cli.output.formatters.jobs import json_block
from aeon_jobs.ops.cli.output.tables import Column, table
from aeon_jobs.ops.cli.output.values import first_line

QUEUES = (
    Column("queue", least=16),
    Column("ready"),
    Column("queued", rank=3),
    Column("running"),
    Column("workers", rank=1),
    Column("threads", rank=4),
    Column("limit", rank=2),
    Column("paused", least=16),
)
WORKERS = (
    Column("id", least=16),
    Column("kind"),
    Column("state"),
    Column("busy"),
    Column("threads", rank=3),
    Column("queues", rank=2, least=16),
    Column("last seen", rank=1),
)
KEY_USAGE = (Column("key"), Column("waiting"), Column("running"))
TYPES = (
    Column("type"),
    Column("queue", rank=1, least=16),
    Column("prio", rank=4),
    Column("retries", rank=2),
    Column("timeout", rank=3),
    Column("limits", rank=1, least=16),
    Column("description", least=16),
)
KEYS = (
    Column("id"),
    Column("name", least=16),
    Column("role"),
    Column("made by", rank=4, least=16),
    Column("expires", rank=2),
    Column("last used", rank=3),
    Column("revoked", rank=1),
)
AUDIT = (
    Column("at"),
    Column("actor", least=16),
    Column("action"),
    Column("subject", rank=1, least=22),
    Column("reason", rank=2, least=16),
)


def queue_list(found: Sequence[Queue]) -> RenderableType:
    rows = [(q.name, q.ready, q.queued, q.running, q.workers, q.threads, q.max_running, _pause(q)) for q in found]
    return table(QUEUES, rows, nothing="no queue")


def _pause(queue: Queue) -> str:
    if queue.paused_at is None:
        return ""
    return f"by {queue.paused_by}" + (f": {queue.pause_reason}" if queue.pause_reason else "")


def worker_list(found: Sequence[Worker]) -> RenderableType:
    rows = [(w.id, w.kind, _state(w), w.busy, w.threads, w.queues, w.last_seen_at) for w in found]
    return table(WORKERS, rows, nothing="no process is known")


def _state(worker: Worker) -> str:
    """A process that says it runs, and sends no heartbeats, is silent."""
    if worker.state != "running":
        return worker.state
    if not worker.alive:
        return "silent"
    return "quiet" if worker.quieted_at else worker.state


def type_list(found: Sequence[JobType]) -> RenderableType:
    rows = [
        (
            t.name,
            t.queue_name,
            t.priority,
            t.max_retries,
            f"{t.timeout_ms} ms",
            _limited(t),
            first_line(t.description),
        )
        for t in found
    ]
    return table(TYPES, rows, nothing="no job type")


def job_type(found: JobType) -> RenderableType:
    names = ("name", "queue_name", "priority", "max_retries", "timeout_ms", "description")
    pairs = [(name, getattr(found, name)) for name in names]
    pairs += [("limits", _limited(found))]
    if found.limits_override is not None:
        pairs += [("limits of the code", _in_words(found.limits))]
    if found.uniqueness:
        pairs += [("one job", unique_in_words(found.uniqueness))]
    if found.paused_at:
        pairs += [("paused", found.paused_at), ("paused by", found.paused_by), ("pause reason", found.pause_reason)]
    return Group(
        field_list(pairs), *json_block("payload schema", found.payload_schema), *json_block("example", found.example)
    )


def type_limits(found: JobType) -> str:
    return f"{found.name}: {_in_words(found.limits_in_force)}"


def key_usage(found: Sequence[KeyUsage]) -> RenderableType:
    return table(KEY_USAGE, [(u.key, u.waiting, u.running) for u in found], nothing="no job waits or runs")


def _limited(found: JobType) -> str:
    words = _in_words(found.limits_in_force) if found.limits_in_force else ""
    return ", ".join(filter(None, ["paused" if found.paused_at else "", words]))


def _in_words(limits: JsonObject | None) -> str:
    """Such as: 5 at once for each payload.tenant, 100 starts in 60 s"""
    if not limits:
        return "no limits"
    each = f" for each {limits.get('key')}"
    words = [
        f"{limits[name]} at once{each if 'key' in name else ''}"
        for name in ("running", "running_per_key")
        if name in limits
    ]
    words += [
        f"{limits[name]['count']} starts in {limits[name]['period_ms'] / 1_000:g} s{each if 'key' in name else ''}"
        for name in ("starts", "starts_per_key")
        if name in limits
    ]
    if (strategy := limits.get("strategy", "queue")) != "queue":
        words.append(strategy)
    return ", ".join(words)


def unique_in_words(rule: JsonObject) -> str:
    """Such as: for each to, while it is unfinished, and for 60 s"""
    seconds = {name: f"{value / 1_000:g} s" for name, value in rule.items() if name.endswith("_ms") and value}
    words = [f"for each {', '.join(rule['by'])}" if rule["by"] else "for each payload"]
    if "debounce_ms" in seconds:
        words.append(f"when {seconds['debounce_ms']} passed without another one")
    elif rule.get("while"):
        words.append(f"while it is {rule['while']}")
    if "period_ms" in seconds:
        words.append(f"for {seconds['period_ms']}")
    if "max_wait_ms" in seconds:
        words.append(f"after {seconds['max_wait_ms']} at the latest")
    return ", ".join(words)


def key_list(found: Sequence[ApiKey]) -> RenderableType:
    rows = [(k.id, k.name, k.role, k.created_by, k.expires_at, k.last_used_at, k.revoked_at) for k in found]
    return table(KEYS, rows, nothing="no key")


def audit_list(found: Sequence[AuditEntry]) -> RenderableType:
    rows = [(e.at, e.actor, e.action, f"{e.subject_type} {e.subject_id}", e.reason or "") for e in found]
    return table(AUDIT, rows, nothing="no entry matches")
