"""`aeon-jobs stats`: depths, throughput, error rates; with --period what happened over time."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from aeon_jobs.ops.cli.commands.options import OfQueue, OfType
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.exit_codes import InvalidInput


class Period(StrEnum):
    M5 = "5m"
    H1 = "1h"
    H6 = "6h"
    H24 = "24h"
    D7 = "7d"


def stats(
    context: Context,
    period: Annotated[Period | None, typer.Option(help="What happened over time, up to now.")] = None,
    type_: OfType = None,
    queue: OfQueue = None,
) -> None:
    """Show how many jobs wait, run and fail: now, in the last hour, in the last 24 hours; or over time.

    --type and --queue go with --period.
    """
    from aeon_jobs.ops.cli.output import formatters

    if period is None:
        if type_ or queue:
            raise InvalidInput("--period: is needed with --type and --queue")
        context.output.show(context.jobs.metrics(), formatters.statistics)
        return
    found = context.jobs.history(period.value, job_type=type_, queue_name=queue)
    context.output.show(found, formatters.history)
