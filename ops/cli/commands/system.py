"""`aeon-jobs system`: PostgreSQL, tables, background tasks, migrations, and what is wrong with them."""

from __future__ import annotations

from aeon_jobs.ops.cli.context import Context


def system(context: Context) -> None:
    """Show sizes of tables, WAL, connections, background tasks, migrations, and what is wrong.

    doctor checks more: Redis, clocks, disks. Its exit code tells whether there is an error.
    """
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.system(), formatters.system_report)
