"""`aeon-jobs types`: what can be submitted."""

from __future__ import annotations

from typing import Annotated

import typer

from aeon_jobs.ops.cli import completion
from aeon_jobs.ops.cli.context import Context


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
