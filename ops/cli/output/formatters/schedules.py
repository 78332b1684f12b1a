"""Schedules: lists, and one with all its fields."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType

from aeon_jobs.api.contract import Schedule, ScheduleRun
from aeon_jobs.ops.cli.output.console import field_list
from aeon_jobs.ops.cli.output.formatters.jobs import json_block
from aeon_jobs.ops.cli.output.tables import Column, table
from aeon_jobs.ops.cli.output.values import first_line

SCHEDULES = (
    Column("name", least=16),
    Column("cron"),
    Column("zone", rank=3),
    Column("type", rank=2, least=24),
    Column("state", rank=1),
    Column("next", rank=1),
    Column("last", rank=5),
    Column("error", rank=4, least=16),
)
FIELDS = (
    "timezone",
    "exclude",
    "start_at",
    "end_at",
    "jitter_ms",
    "catch_up",
    "catch_up_window_s",
    "overlap",
    "max_runs",
)
MORE = ("run_count", "max_failures", "priority", "max_retries", "timeout_ms")
TIMES = ("next_run_at", "last_run_at", "last_error", "orphaned_at", "created_by", "created_at")
RUNS = (
    Column("due"),
    Column("origin", rank=2),
    Column("outcome"),
    Column("job", rank=1, least=36),
    Column("status", rank=1),
    Column("reason", rank=3, least=24),
)


def schedule_list(found: Sequence[Schedule]) -> RenderableType:
    rows = [
        (
            s.name,
            _rules(s.cron),
            s.timezone,
            s.job_type,
            state(s),
            s.next_run_at,
            s.last_run_at,
            first_line(s.last_error),
        )
        for s in found
    ]
    return table(SCHEDULES, rows, nothing="no schedule")


def schedule(found: Schedule) -> RenderableType:
    pairs = [("name", found.name), ("id", found.id), ("job_type", found.job_type), ("state", state(found))]
    pairs += [("pause_note", found.pause_note), ("cron", _rules(found.cron))]
    pairs += [(name, getattr(found, name)) for name in (*FIELDS, *MORE, *TIMES)]
    shown = [(name, value) for name, value in pairs if value is not None or name not in _LEFT_OUT]
    return Group(field_list(shown), *json_block("payload", found.payload))


def schedule_runs(found: Sequence[ScheduleRun]) -> RenderableType:
    rows = [(r.due_at, r.origin, r.outcome, r.job_id, r.job_status, first_line(r.reason)) for r in found]
    return table(RUNS, rows, nothing="no run")


def state(schedule: Schedule) -> str:
    """In one word."""
    if not schedule.enabled:
        return "paused"
    if schedule.orphaned_at is not None:
        return "orphaned"
    return "enabled" if schedule.next_run_at else "ended"


def _rules(text: str) -> str:
    return "; ".join(text.split("\n"))


_LEFT_OUT = frozenset(
    ("exclude", "start_at", "end_at", "catch_up_window_s", "max_runs", "max_failures", "orphaned_at", "pause_note")
)
