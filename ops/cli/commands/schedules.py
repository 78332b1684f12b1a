"""`aeon-jobs schedules`: rules by which jobs are submitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
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
from aeon_jobs.ops.cli.input.values import duration, exact_moment, json_object, moment

if TYPE_CHECKING:
    from aeon_jobs.api import contract

app = CommandGroup(help="Schedules: rules by which jobs are submitted.")


class CatchUp(StrEnum):
    LAST = "last"
    ALL = "all"
    NONE = "none"


class Overlap(StrEnum):
    SKIP = "skip"
    BUFFER_ONE = "buffer_one"
    BUFFER_ALL = "buffer_all"
    CANCEL_OTHER = "cancel_other"
    ALLOW_ALL = "allow_all"


class Clearable(StrEnum):
    """Fields that may be empty."""

    EXCLUDE = "exclude"
    START_AT = "start_at"
    END_AT = "end_at"
    PRIORITY = "priority"
    MAX_RETRIES = "max_retries"
    TIMEOUT_MS = "timeout_ms"
    PAUSE_NOTE = "pause_note"
    CATCH_UP_WINDOW_S = "catch_up_window_s"
    MAX_RUNS = "max_runs"
    MAX_FAILURES = "max_failures"


Name = Annotated[
    str,
    typer.Argument(
        metavar="SCHEDULE", help="Name, id, or the first characters of the id.", autocompletion=completion.schedules
    ),
]
Type = Annotated[str, typer.Argument(metavar="TYPE", help="Job type.", autocompletion=completion.job_types)]
Rules = Annotated[list[str], typer.Argument(metavar="CRON", help='Such as "*/15 * * * *" or "every 90s".')]
Count = Annotated[int, typer.Option(min=1, max=100, help="How many.")]
Cron = Annotated[list[str] | None, typer.Option(metavar="CRON", help='Such as "*/15 * * * *". May be repeated.')]
Timezone = Annotated[str | None, typer.Option(help="Such as Europe/Berlin; UTC by default.")]
Exclude = Annotated[
    list[str] | None,
    typer.Option(metavar="DAYS", help="No run then: 2026-12-24, 2026-12-24..2026-12-26, or a cron line. Repeatable."),
]
StartAt = Annotated[str | None, typer.Option("--start", metavar="TIME", help="No run before.")]
EndAt = Annotated[str | None, typer.Option("--end", metavar="TIME", help="No run after.")]
Jitter = Annotated[str | None, typer.Option(metavar="DURATION", help="Start up to so much later, such as 30s.")]
Payload = Annotated[str | None, typer.Option(help="JSON, @file, or - for stdin.")]
Priority = Annotated[int | None, typer.Option(min=0, max=100)]
MaxRetries = Annotated[int | None, typer.Option(min=0, max=1_000)]
TimeoutMs = Annotated[int | None, typer.Option(min=1_000, max=2_147_483_647)]
Catch = Annotated[CatchUp | None, typer.Option(help="Missed times: run the last one, all, or none.")]
Window = Annotated[
    str | None, typer.Option("--catch-up-window", metavar="DURATION", help="Older missed times do not run, such as 3h.")
]
WhileRunning = Annotated[Overlap | None, typer.Option("--overlap", help="While an earlier run is not over.")]
MaxRuns = Annotated[int | None, typer.Option(min=1, help="End after so many runs.")]
MaxFailures = Annotated[int | None, typer.Option(min=1, help="Pause after so many failed runs in a row.")]


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
    job_type: Type,
    cron: Rules,
    timezone: Timezone = None,
    exclude: Exclude = None,
    start: StartAt = None,
    end: EndAt = None,
    jitter: Jitter = None,
    payload: Payload = None,
    priority: Priority = None,
    max_retries: MaxRetries = None,
    timeout_ms: TimeoutMs = None,
    catch_up: Catch = None,
    window: Window = None,
    overlap: WhileRunning = None,
    max_runs: MaxRuns = None,
    max_failures: MaxFailures = None,
    paused: Annotated[bool, typer.Option("--paused", help="Create it disabled.")] = False,
) -> None:
    """Create a schedule. CRON: minute, hour, day, month, weekday, or an interval. Several are possible, each in quotes."""
    fields = _given(
        cron=cron,
        timezone=timezone,
        exclude=exclude,
        start_at=start,
        end_at=end,
        jitter_ms=jitter,
        payload=payload,
        priority=priority,
        max_retries=max_retries,
        timeout_ms=timeout_ms,
        catch_up=catch_up,
        catch_up_window_s=window,
        overlap=overlap,
        max_runs=max_runs,
        max_failures=max_failures,
    )
    _show(context, context.jobs.create_schedule({"name": name, "job_type": job_type, "enabled": not paused, **fields}))


@app.command()
def update(
    context: Context,
    name: Name,
    new_name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    job_type: Annotated[str | None, typer.Option("--type", help="Another job type.")] = None,
    cron: Cron = None,
    timezone: Timezone = None,
    exclude: Exclude = None,
    start: StartAt = None,
    end: EndAt = None,
    jitter: Jitter = None,
    payload: Payload = None,
    priority: Priority = None,
    max_retries: MaxRetries = None,
    timeout_ms: TimeoutMs = None,
    catch_up: Catch = None,
    window: Window = None,
    overlap: WhileRunning = None,
    max_runs: MaxRuns = None,
    max_failures: MaxFailures = None,
    clear: Annotated[
        list[Clearable] | None, typer.Option("--clear", metavar="FIELD", help="Empty a field. May be repeated.")
    ] = None,
) -> None:
    """Change a schedule. What you leave out stays as it is."""
    changes: dict[str, Any] = {field.value: None for field in clear or ()}
    changes |= _given(
        name=new_name,
        job_type=job_type,
        cron=cron,
        timezone=timezone,
        exclude=exclude,
        start_at=start,
        end_at=end,
        jitter_ms=jitter,
        payload=payload,
        priority=priority,
        max_retries=max_retries,
        timeout_ms=timeout_ms,
        catch_up=catch_up,
        catch_up_window_s=window,
        overlap=overlap,
        max_runs=max_runs,
        max_failures=max_failures,
    )
    if not changes:
        raise InvalidInput("say what to change: see aeon-jobs schedules update --help")
    _show(context, context.jobs.change_schedule(_named(context, name).id, changes))


@app.command()
def pause(
    context: Context, name: Name, note: Annotated[str | None, typer.Option(help="Why. Is shown with it.")] = None
) -> None:
    """Pause a schedule. Times that pass meanwhile are not made up for."""
    _show(context, context.jobs.change_schedule(_named(context, name).id, {"enabled": False, "pause_note": note}))


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
def next_moments(context: Context, name: Name, count: Count = 5) -> None:
    """Show the next times of a schedule, in its own time zone."""
    schedule = _named(context, name)
    _show_times(context, context.jobs.upcoming(schedule.id, count), schedule.timezone)


@app.command()
def preview(
    context: Context,
    job_type: Type,
    cron: Rules,
    timezone: Timezone = None,
    exclude: Exclude = None,
    start: StartAt = None,
    end: EndAt = None,
    payload: Payload = None,
    count: Count = 5,
) -> None:
    """Show the next times that a schedule would have. It is checked as if it were made. Nothing is stored."""
    fields = _given(cron=cron, timezone=timezone, exclude=exclude, start_at=start, end_at=end, payload=payload)
    times = context.jobs.preview_schedule({"name": "preview", "job_type": job_type, **fields}, count)
    _show_times(context, times, timezone or "UTC")


@app.command("run")
def run_now(context: Context, name: Name) -> None:
    """Submit a job of a schedule now. Its next times do not change."""
    submitted = context.jobs.run_schedule(_named(context, name).id)
    context.output.show(submitted, lambda s: f"{s.job_id} submitted, {s.status}")


@app.command()
def backfill(
    context: Context,
    name: Name,
    start: Annotated[str, typer.Argument(metavar="START", help="2030-01-31T09:00:00Z, or 2d ago: 2d.")],
    end: Annotated[str, typer.Argument(metavar="END", help="Both are part of the span.")],
    overlap: WhileRunning = None,
) -> None:
    """Run the due times of a past span. What ran does not run again."""
    chosen: Any = overlap.value if overlap else "buffer_all"
    begin, until = _moment(start, "start"), _moment(end, "end")
    done = context.jobs.backfill_schedule(_named(context, name).id, begin, until, overlap=chosen)
    context.output.show(
        done,
        lambda d: (
            f"{d.due_times} due times: {len(d.submitted)} submitted, {d.skipped} skipped, {d.decided_before} decided before"
        ),
    )


@app.command()
def runs(
    context: Context, name: Name, count: Annotated[int, typer.Option(min=1, max=1_000, help="How many.")] = 20
) -> None:
    """Show the runs of a schedule, newest first."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.schedule_runs(_named(context, name).id, count), formatters.schedule_runs)


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


def _given(**typed: Any) -> dict[str, Any]:
    """The fields that were typed, as the contract has them."""
    return {name: _READ.get(name, _plain)(value, name) for name, value in typed.items() if value not in (None, [])}


def _plain(value: Any, _name: str) -> Any:
    return value.value if isinstance(value, StrEnum) else value


def _moment(text: str, name: str) -> datetime:
    """A point in time, or so long ago."""
    found = moment(text, name)
    assert found is not None
    return found


def _lines(value: list[str], _name: str) -> str:
    return "\n".join(value)


_READ: dict[str, Callable[[Any, str], Any]] = {
    "cron": _lines,
    "exclude": _lines,
    "start_at": exact_moment,
    "end_at": exact_moment,
    "jitter_ms": lambda text, name: round(duration(text, name).total_seconds() * 1_000),
    "catch_up_window_s": lambda text, name: round(duration(text, name).total_seconds()),
    "payload": json_object,
}


def _show_times(context: Context, times: Sequence[datetime], timezone: str) -> None:
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(timezone)
    context.output.show(
        times, lambda times: "\n".join(f"{time.astimezone(zone):%a %Y-%m-%d %H:%M:%S %Z}" for time in times)
    )


def _show(context: Context, schedule: contract.Schedule) -> None:
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(schedule, formatters.schedule)
