"""`aeon-jobs archive`: what is archived, what is due, and a run by hand."""

from __future__ import annotations

from aeon_jobs.ops.cli.commands.options import DryRun
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.group import CommandGroup

app = CommandGroup(help="Archive: jobs, dead letters and audit entries of long ago.")


@app.command()
def status(context: Context) -> None:
    """Show how long things are kept, what is due, and every month of the archive."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.archive_status(), formatters.archive_status)


@app.command()
def run(context: Context, dry_run: DryRun = False) -> None:
    """Move to the archive what is older than its days. The dispatcher does the same by itself."""
    from dataclasses import replace

    from aeon_jobs.ops.cli.output import formatters

    done = context.jobs.run_archive(dry_run=dry_run)
    while done.more:
        more = context.jobs.run_archive()
        counts = {name: getattr(done, name) + getattr(more, name) for name in ("jobs", "dead_letters", "audit_entries")}
        done = replace(more, **counts)
    context.output.show(done, formatters.archive_run)
