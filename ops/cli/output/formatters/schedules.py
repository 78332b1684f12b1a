"""Schedules: lists, and one with all its fields."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType

from aeon_jobs.api.contract import Schedule
from aeon_jobs.ops.cli.output.console import field_list
from aeon_jobs.ops.cli.output.formatters.jobs import json_block
from aeon_jobs.ops.cli.output.tables import Column, table
from aeon_jobs.ops.cli.output.values import first_line

SCHEDULES = (
    Column("name", least=16),
    Column("cron"),
    Column("zone", rank=3),
    Column("type", rank=2, least=24),
    Column("enabled", rank=1),
    Column("next", rank=1),
    Column("last", rank=5),
    Column("error", rank=4, least=16),
)
FIELDS = ("name", "id", "cron", "timezone", "job_type", "enabled", "catch_up", "priority", "max_retries", "timeout_ms")
TIMES = ("next_run_at", "last_run_at", "last_error", "created_by", "created_at")


def schedule_list(found: Sequence[Schedule]) -> RenderableType:
    rows = [
        (s.name, s.cron, s.timezone, s.job_type, s.enabled, s.next_run_at, s.last_run_at, first_line(s.last_error))
        for s in found
    ]
    return table(SCHEDULES, rows, nothing="no schedule")


def schedule(found: Schedule) -> RenderableType:
    pairs = [(name, getattr(found, name)) for name in (*FIELDS, *TIMES)]
    return Group(field_list(pairs), *json_block("payload", found.payload))
