"""The state of the whole system: depths, and statistics of the last hour and 24 hours."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from aeon_jobs.api.contract import Depths, Metrics, Statistics
from aeon_jobs.ops.cli.output.tables import Column, table

PERIODS = (
    Column("finished attempts"),
    Column("completed"),
    Column("failed"),
    Column("errors", rank=1),
    Column("per minute", rank=3),
    Column("mean time", rank=2),
)
TYPES = (
    Column("type", least=24),
    Column("completed"),
    Column("failed"),
    Column("errors", rank=1),
    Column("mean time", rank=2),
    Column("completed 24 h", rank=3),
    Column("failed 24 h", rank=3),
)
DEPTHS = ("pending", "scheduled", "blocked", "queued", "running", "failed", "dlq")


def depths(found: Depths) -> Text:
    """How many jobs are in which state, in one line."""
    return Text("   ").join(Text.assemble((f"{getattr(found, name)} ", "bold"), name) for name in DEPTHS)


def statistics(found: Metrics) -> RenderableType:
    workers = found.workers
    periods = [("last hour", found.last_hour), ("last 24 hours", found.last_24_hours)]
    types = [
        (
            one.job_type,
            one.last_hour.completed,
            one.last_hour.failed,
            _percent(one.last_hour),
            _seconds(one.last_hour),
            one.last_24_hours.completed,
            one.last_24_hours.failed,
        )
        for one in found.by_type
    ]
    return Group(
        depths(found.queue_depths),
        Text(f"{workers.alive} workers alive, {workers.lost} lost; {workers.busy} of {workers.threads} threads busy\n"),
        table(PERIODS, [_period(name, one) for name, one in periods]),
        Text("\nby job type, last hour", "bold"),
        table(TYPES, types, nothing="no job has finished in the last 24 hours"),
    )


def _period(name: str, found: Statistics) -> tuple[object, ...]:
    per_minute = f"{found.jobs_per_minute:.1f}"
    return (name, found.completed, found.failed, _percent(found), per_minute, _seconds(found))


def _percent(found: Statistics) -> str:
    return f"{found.error_rate:.1%}"


def _seconds(found: Statistics) -> str:
    return "-" if found.mean_duration_s is None else f"{found.mean_duration_s:.2f} s"
