"""What the handler of a job logged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from aeon_jobs.ops.cli.commands.options import JobId
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.input import ids
from aeon_jobs.ops.cli.output.console import write_json

if TYPE_CHECKING:
    from aeon_jobs.api.contract import LogLine

LOOK_EVERY_S = 0.5
LAST_LOOK_S = 1.0
"""After the end of the job: its worker stores lines half a second later."""


def logs(
    context: Context,
    job: JobId,
    attempt: Annotated[int | None, typer.Option(min=1, help="Lines of this attempt alone.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show new lines until the job is over.")] = False,
) -> None:
    """Show what the handler of a job logged. With --json and --follow: one line for each.

    A worker stores lines half a second after they were logged.
    """
    from aeon_jobs.ops.cli.output import formatters

    found = ids.job_id(context.jobs, job)
    if not follow:
        context.output.show(list(context.jobs.logs(found, attempt=attempt)), formatters.log_lines)
        return
    with suppress(KeyboardInterrupt):
        for line in _followed(context, found, attempt):
            if context.output.as_json:
                write_json(line, indent=None)
            else:
                context.output.console.print(formatters.log_lines([line]))


def _followed(context: Context, job_id: UUID, attempt: int | None) -> Iterator[LogLine]:
    cursor: str | None = None
    is_over = False
    while True:
        page = context.jobs.log_page(job_id, attempt=attempt, cursor=cursor)
        for line in page.items:
            cursor = line.cursor
            yield line
        if page.next_cursor:
            continue
        if is_over:
            return
        is_over = context.jobs.get(job_id).is_over
        time.sleep(LAST_LOOK_S if is_over else LOOK_EVERY_S)
