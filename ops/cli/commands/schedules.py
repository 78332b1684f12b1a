"""`aeon-jobs schedules`: cron lines that become jobs."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aeon_jobs.ops.cli import completion
from aeon_jobs.ops.cli.commands.options import Yes
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.exit_codes import InvalidInput, NotFound
from aeon_jobs.ops.cli.group import CommandGroup
from aeon_jobs.ops.cli.input.ids import beginning_with
from aeon_jobs.ops.cli.input.prompts import confirm
from aeon_jobs.ops.cli.input.values import json_object

if TYPE_CHECKING:
    from aeon_jobs.api import contract

app = CommandGroup(help="Schedules: cron lines that become jobs.")


class CatchUp(StrEnum):
    LAST = "last"
    ALL = "all"
    NONE = "none"


Name = Annotated[
    str,
    typer.Argument(
        metavar="SCHEDULE", help="Name, id, or the first characters of the id.", autocompletion=completion.schedules
    ),
]
Cron = Annotated[str | None, typer.Option(metavar="CRON", help='Such as "*/15 * * * *".')]
Timezone = Annotated[str | None, typer.Option(help="Such as Europe/Berlin; UTC by default.")]
Payload = Annotated[str | None, typer.Option(help="JSON, @file, or - for stdin.")]
Priority = Annotated[int | None, typer.Option(min=0, max=100)]
MaxRetries = Annotated[int | None, typer.Option(min=0, max=10)]
TimeoutMs = Annotated[int | None, typer.Option(min=1_000, max=600_000)]
Catch = Annotated[CatchUp | None, typer.Option(help="Missed times: run the last one, all, or none.")]


@app.command("list")
def list_schedules(context: Context) -> None:
    """List all schedules, by name."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.schedules(), formatters.schedule_list)


@app.command()
def show(context: Context, name: Name) -> None:
    """Show a schedule with all its fields."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(_named(context, name), formatters.schedule)


@app.command()
def create(
    context: Context,
    name: Annotated[str, typer.Argument(help="Name of the schedule.")],
    job_type: Annotated[str, typer.Argument(metavar="TYPE", help="Job type.")],
    cron: Annotated[str, typer.Argument(metavar="CRON", help='Such as "*/15 * * * *".')],
    timezone: Timezone = None,
    payload: Payload = None,
    priority: Priority = None,
    max_retries: MaxRetries = None,
    timeout_ms: TimeoutMs = None,
    catch_up: Catch = None,
    paused: Annotated[bool, typer.Option("--paused", help="Create it disabled.")] = False,
) -> None:
    """Create a schedule. CRON has five fields: minute, hour, day, month, weekday."""
    required: dict[str, Any] = {"name": name, "job_type": job_type, "cron": cron, "enabled": not paused}
    optional = _given(timezone, payload, priority, max_retries, timeout_ms, catch_up)
    _show(context, context.jobs.create_schedule(required | optional))


@app.command()
def update(
    context: Context,
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    job_type: Annotated[str | None, typer.Option("--type", help="Another job type.")] = None,
    cron: Cron = None,
    timezone: Timezone = None,
    payload: Payload = None,
    priority: Priority = None,
    max_retries: MaxRetries = None,
    timeout_ms: TimeoutMs = None,
    catch_up: Catch = None,
) -> None:
    """Change a schedule. What you leave out stays as it is."""
    named = {"name": new_name, "job_type": job_type, "cron": cron}
    changes = {field: value for field, value in named.items() if value is not None}
    changes |= _given(timezone, payload, priority, max_retries, timeout_ms, catch_up)
    if not changes:
        raise InvalidInput("say what to change: see aeon-jobs schedules update --help")
    _show(context, context.jobs.change_schedule(_named(context, name).id, changes))


@app.command()
def pause(context: Context, name: Name) -> None:
    """Disable a schedule. Times that pass meanwhile are not made up for."""
    _show(context, context.jobs.change_schedule(_named(context, name).id, {"enabled": False}))


@app.command()
def resume(context: Context, name: Name) -> None:
    """Enable a schedule again."""
    _show(context, context.jobs.change_schedule(_named(context, name).id, {"enabled": True}))


@app.command()
def delete(context: Context, name: Name, yes: Yes = False) -> None:
    """Delete a schedule. Its jobs stay."""
    schedule = _named(context, name)
    if not yes:
        confirm(f"Delete schedule {schedule.name}?")
    context.jobs.delete_schedule(schedule.id)
    context.output.show({"deleted": schedule.name}, lambda _: f"deleted {schedule.name}")


@app.command("next")
def next_moments(
    context: Context, name: Name, count: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 5
) -> None:
    """Show the next times of a schedule, in its own time zone."""
    from zoneinfo import ZoneInfo

    schedule = _named(context, name)
    moments = context.jobs.upcoming(schedule.id, count)
    zone = ZoneInfo(schedule.timezone)
    context.output.show(
        moments, lambda moments: "\n".join(f"{m.astimezone(zone):%a %Y-%m-%d %H:%M %Z}" for m in moments)
    )


@app.command("run")
def run_now(context: Context, name: Name) -> None:
    """Submit a job of a schedule now. Its next times do not change."""
    submitted = context.jobs.run_schedule(_named(context, name).id)
    context.output.show(submitted, lambda s: f"{s.job_id} submitted, {s.status}")


def _named(context: Context, name: str) -> contract.Schedule:
    """
    Raises:
        NotFound
    """
    known = context.jobs.schedules()
    for schedule in known:
        if schedule.name == name:
            return schedule
    wanted = beginning_with(name, [str(schedule.id) for schedule in known], "schedule")
    for schedule in known:
        if str(schedule.id) == wanted:
            return schedule
    raise NotFound(f"no schedule {name!r:.120}")


def _given(
    timezone: str | None,
    payload: str | None,
    priority: int | None,
    max_retries: int | None,
    timeout_ms: int | None,
    catch_up: CatchUp | None,
) -> dict[str, Any]:
    fields = {
        "timezone": timezone,
        "payload": None if payload is None else json_object(payload),
        "priority": priority,
        "max_retries": max_retries,
        "timeout_ms": timeout_ms,
        "catch_up": catch_up and catch_up.value,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _show(context: Context, schedule: contract.Schedule) -> None:
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(schedule, formatters.schedule)
