"""`aeon-jobs stats`: depths, throughput, error rates."""

from __future__ import annotations

from aeon_jobs.ops.cli.context import Context


def stats(context: Context) -> None:
    """Show how many jobs wait, run and fail: now, in the last hour, in the last 24 hours."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.metrics(), formatters.statistics)
