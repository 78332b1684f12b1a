"""`aeon-jobs schedules`: cron lines that become jobs."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aeon_jobs.ops.cli.commands.jobs import Yes
from aeon_jobs.ops.cli.desk import Desk
from aeon_jobs.ops.cli.exit_codes import InvalidInput, NotFound
from aeon_jobs.ops.cli.group import CommandGroup
from aeon_jobs.ops.cli.input.prompts import confirm
from aeon_jobs.ops.cli.input.values import json_object

if TYPE_CHECKING:
    from aeon_jobs.api import contract

app = CommandGroup(help="Schedules: cron lines that become jobs.")


class CatchUp(StrEnum):
    LAST = "last"
    ALL = "all"
    NONE = "none"


Name = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Name or id.")]
Cron = Annotated[str | None, typer.Option(metavar="CRON", help='Such as "*/15 * * * *".')]
Timezone = Annotated[str | None, typer.Option(help="Such as Europe/Berlin; UTC by default.")]
Payload = Annotated[str | None, typer.Option(help="JSON, @file, or - for stdin.")]
Priority = Annotated[int | None, typer.Option(min=0, max=100)]
MaxRetries = Annotated[int | None, typer.Option(min=0, max=10)]
TimeoutMs = Annotated[int | None, typer.Option(min=1_000, max=600_000)]
Catch = Annotated[CatchUp | None, typer.Option(help="Missed moments: run the last of them, all, or none.")]


@app.command("list")
def list_schedules(desk: Desk) -> None:
    """All schedules, by name."""
    from aeon_jobs.ops.cli.output import formatters

    desk.screen.show(desk.backend.schedules(), formatters.schedule_list)


@app.command()
def show(desk: Desk, name: Name) -> None:
    """A schedule with everything that it is made of."""
    from aeon_jobs.ops.cli.output import formatters

    desk.screen.show(_named(desk, name), formatters.schedule)


@app.command()
def create(
    desk: Desk,
    name: Annotated[str, typer.Argument(help="Name of the schedule.")],
    job_type: Annotated[str, typer.Argument(metavar="TYPE", help="Job type.")],
    cron: Annotated[str, typer.Argument(metavar="CRON", help='Such as "*/15 * * * *".')],
    timezone: Timezone = None,
    payload: Payload = None,
    priority: Priority = None,
    max_retries: MaxRetries = None,
    timeout_ms: TimeoutMs = None,
    catch_up: Catch = None,
    paused: Annotated[bool, typer.Option("--paused", help="Make it, and do not start it.")] = False,
) -> None:
    """Make a schedule."""
    required: dict[str, Any] = {"name": name, "job_type": job_type, "cron": cron, "enabled": not paused}
    optional = _given(timezone, payload, priority, max_retries, timeout_ms, catch_up)
    _show(desk, desk.backend.create_schedule(required | optional))


@app.command()
def update(
    desk: Desk,
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
    """Change a schedule; what is left out stays as it is."""
    named = {"name": new_name, "job_type": job_type, "cron": cron}
    changes = {field: value for field, value in named.items() if value is not None}
    changes |= _given(timezone, payload, priority, max_retries, timeout_ms, catch_up)
    if not changes:
        raise InvalidInput("say what to change: see aeon-jobs schedules update --help")
    _show(desk, desk.backend.change_schedule(_named(desk, name).id, changes))


@app.command()
def pause(desk: Desk, name: Name) -> None:
    """Switch a schedule off. What falls due meanwhile is not made up for."""
    _show(desk, desk.backend.change_schedule(_named(desk, name).id, {"enabled": False}))


@app.command()
def resume(desk: Desk, name: Name) -> None:
    """Switch a schedule on again."""
    _show(desk, desk.backend.change_schedule(_named(desk, name).id, {"enabled": True}))


@app.command()
def delete(desk: Desk, name: Name, yes: Yes = False) -> None:
    """Delete a schedule; the jobs that it made stay."""
    schedule = _named(desk, name)
    if not yes:
        confirm(f"Delete schedule {schedule.name}?")
    desk.backend.delete_schedule(schedule.id)
    desk.screen.show({"deleted": schedule.name}, lambda _: f"deleted {schedule.name}")


@app.command("next")
def next_moments(
    desk: Desk, name: Name, count: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 5
) -> None:
    """Its next moments, in its own time zone."""
    from zoneinfo import ZoneInfo

    schedule = _named(desk, name)
    moments = desk.backend.upcoming(schedule.id, count)
    zone = ZoneInfo(schedule.timezone)
    desk.screen.show(moments, lambda moments: "\n".join(f"{m.astimezone(zone):%a %Y-%m-%d %H:%M %Z}" for m in moments))


@app.command("run")
def run_now(desk: Desk, name: Name) -> None:
    """A job now, beside its due moments."""
    submitted = desk.backend.run_schedule(_named(desk, name).id)
    desk.screen.show(submitted, lambda s: f"{s.job_id} submitted, {s.status}")


def _named(desk: Desk, name: str) -> contract.Schedule:
    """
    Raises:
        NotFound
    """
    for schedule in desk.backend.schedules():
        if name in (schedule.name, str(schedule.id)):
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


def _show(desk: Desk, schedule: contract.Schedule) -> None:
    from aeon_jobs.ops.cli.output import formatters

    desk.screen.show(schedule, formatters.schedule)
