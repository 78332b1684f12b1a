"""`aeon-jobs watch`: jobs as they change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from aeon_jobs.ops.cli import completion
from aeon_jobs.ops.cli.commands.options import OfQueue, OfType, job_filter
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.exit_codes import Exit, InvalidInput
from aeon_jobs.ops.cli.input import ids
from aeon_jobs.ops.cli.output.console import err, write_json

if TYPE_CHECKING:
    from aeon_jobs.api.contract import JobFilter

REFRESH_S = 1.0


def watch(
    context: Context,
    job: Annotated[
        str | None,
        typer.Argument(metavar="JOB", help="One job. Without it: all.", autocompletion=completion.job_ids),
    ] = None,
    type_: OfType = None,
    queue: OfQueue = None,
    recent: Annotated[int, typer.Option(min=1, max=100, help="Most jobs of the table.")] = 15,
) -> None:
    """Watch one job to its end (exit code 1 unless it completed), or all jobs until Ctrl-C.

    With --json: one line for each change.
    """
    if job and (type_ or queue):
        raise InvalidInput("JOB: give either a job, or --type and --queue")
    with suppress(KeyboardInterrupt):
        if job is None:
            _watch_all(context, job_filter(type_=type_, queue=queue), recent)
            return
        if follow(context, ids.job_id(context.jobs, job), with_events=True) != "completed":
            raise typer.Exit(Exit.FAILED)


def follow(context: Context, job_id: UUID, *, with_events: bool = False) -> str:
    """Watch a job to its end; returns its last status. With `with_events`, --json writes each change."""
    from aeon_jobs.ops.cli.output import formatters

    status = ""
    with Live(console=err if context.output.as_json else context.output.console, transient=not with_events) as live:
        for event in context.jobs.events(job_id):
            status = event.job.status
            if not context.output.as_json:
                live.update(formatters.event(event.job))
            elif with_events:
                write_json(event.job, indent=None)
    return status


def _watch_all(context: Context, which: JobFilter, recent: int) -> None:
    if context.output.as_json:
        for event in context.jobs.all_events(which):
            write_json(event.job, indent=None)
        return
    with Live(console=context.output.console, auto_refresh=False) as live:
        for rendered in _tables(context, which, recent):
            live.update(rendered, refresh=True)


def _tables(context: Context, which: JobFilter, recent: int) -> Iterator[RenderableType]:
    while True:
        yield _table(context, which, recent)
        time.sleep(REFRESH_S)


def _table(context: Context, which: JobFilter, recent: int) -> RenderableType:
    from aeon_jobs.ops.cli.output import formatters

    depths = formatters.depths(context.jobs.metrics().queue_depths)
    latest = context.jobs.page(which, sort="updated_at", limit=recent)
    return Group(depths, Text(), formatters.job_list(latest.items), Text("\nCtrl-C ends this", "dim"))
