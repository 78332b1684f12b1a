"""`aeon-jobs types`: what can be submitted. `aeon-jobs job-types`: pause, resume, limit."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from aeon_jobs.ops.cli import completion
from aeon_jobs.ops.cli.commands.options import Reason
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.exit_codes import InvalidInput
from aeon_jobs.ops.cli.group import CommandGroup
from aeon_jobs.ops.cli.input.values import duration

if TYPE_CHECKING:
    from aeon_jobs.api.contract import JobTypeLimits, Starts

app = CommandGroup(help="Job types: pause, resume, limit. See also: aeon-jobs types.")

Name = Annotated[str, typer.Argument(metavar="TYPE", help="Name of the job type.", autocompletion=completion.job_types)]
_RATE = re.compile(r"(\d{1,7})/(.+)", re.ASCII)


class Strategy(StrEnum):
    QUEUE = "queue"
    ROUND_ROBIN = "round_robin"
    CANCEL_IN_PROGRESS = "cancel_in_progress"
    CANCEL_NEWEST = "cancel_newest"


def types(
    context: Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="TYPE", help="One, with schema and example.", autocompletion=completion.job_types),
    ] = None,
) -> None:
    """List job types, or show the schema and an example of one."""
    from aeon_jobs.ops.cli.output import formatters

    if name is None:
        context.output.show(context.jobs.job_types(), formatters.type_list)
    else:
        context.output.show(context.jobs.job_type(name), formatters.job_type)


@app.command()
def pause(context: Context, name: Name, reason: Reason = None) -> None:
    """Start no more jobs of a type. Running jobs go on."""
    context.output.show(context.jobs.pause_job_type(name, reason=reason), lambda found: f"{found.name} is paused")


@app.command()
def resume(context: Context, name: Name) -> None:
    """Start jobs of a type again."""
    context.output.show(context.jobs.resume_job_type(name), lambda found: f"{found.name} is not paused")


@app.command()
def limit(
    context: Context,
    name: Name,
    running: Annotated[int | None, typer.Option(help="Most jobs of the type at once.", min=1, max=1_000_000)] = None,
    running_per_key: Annotated[
        int | None, typer.Option(help="Most jobs of one key at once.", min=1, max=1_000_000)
    ] = None,
    starts: Annotated[
        str | None, typer.Option(metavar="NUMBER/DURATION", help="Most starts in a period, such as 100/60s.")
    ] = None,
    starts_per_key: Annotated[
        str | None, typer.Option(metavar="NUMBER/DURATION", help="Most starts of one key in a period.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where the key of a job stands, such as payload.tenant.")
    ] = None,
    strategy: Annotated[Strategy | None, typer.Option(help="What becomes of jobs beyond a limit.")] = None,
    none: Annotated[bool, typer.Option("--none", help="No limits, whatever the code says.")] = False,
    own: Annotated[bool, typer.Option("--own", help="The limits of the code again.")] = False,
) -> None:
    """Set limits of a job type, instead of those of its code. What is left out has no limit."""
    from aeon_jobs.api.contract import JobTypeLimits
    from aeon_jobs.ops.cli.output import formatters

    limits = JobTypeLimits(
        running=running,
        running_per_key=running_per_key,
        starts=_starts(starts, "--starts"),
        starts_per_key=_starts(starts_per_key, "--starts-per-key"),
        key=key,
        strategy=strategy.value if strategy else None,
    )
    _refuse_mixed(limits, none, own)
    context.output.show(context.jobs.limit_job_type(name, None if own else limits), formatters.type_limits)


@app.command()
def usage(
    context: Context,
    name: Name,
    count: Annotated[int, typer.Option(help="Keys to show.", min=1, max=1_000)] = 20,
) -> None:
    """Show which keys wait for the limits of a job type, and which run."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.limit_usage(name, count), formatters.key_usage)


def _refuse_mixed(limits: JobTypeLimits, none: bool, own: bool) -> None:
    chosen = [bool(limits.given()), none, own]
    if sum(chosen) != 1:
        raise InvalidInput("limits: give at least one limit, or --none, or --own")


def _starts(given: str | None, option: str) -> Starts | None:
    from aeon_jobs.api.contract import Starts

    if given is None:
        return None
    if not (found := _RATE.fullmatch(given)):
        raise InvalidInput(f"{option}: must be a number of starts in a time, such as 100/60s")
    period = duration(found[2], option)
    return Starts(count=int(found[1]), period_ms=int(period.total_seconds() * 1_000))
