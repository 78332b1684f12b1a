"""`aeon-jobs bulk`: bulk changes, which the dispatchers work off. `--background` of other commands begins one."""

from __future__ import annotations

from typing import Annotated

import typer

from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.group import CommandGroup

app = CommandGroup(help="Bulk changes: what cancel, retry, change and dlq do with --background.")
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, max=2**63 - 1, help="Its number.")]


@app.command("list")
def list_bulk_changes(
    context: Context,
    before: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=1, help="Only those begun before this one.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most rows.")] = 50,
) -> None:
    """List bulk changes, newest first."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.bulk_changes(before=before, limit=limit), formatters.bulk_change_list)


@app.command()
def show(context: Context, number: Number) -> None:
    """Show how far a bulk change is."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.bulk_change(number), formatters.bulk_change)


@app.command()
def stop(context: Context, number: Number) -> None:
    """Stop it. What it has changed stays so."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.stop_bulk_change(number), formatters.bulk_change)
