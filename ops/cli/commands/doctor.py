"""`aeon-jobs doctor`: is this deployment healthy?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.table import Table
from rich.text import Text

from aeon_jobs.ops.cli.context import Context, client
from aeon_jobs.ops.cli.exit_codes import Exit
from aeon_jobs.ops.cli.output.values import cell, clean

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aeon_jobs.api.service.checks.finding import Finding


def doctor(context: Context) -> None:
    """Check PostgreSQL, Redis, clocks, environment, processes, queues, disk. Show what to do about each problem.

    With --api: check what an API can tell. Exit code 1 when a check finds an error; a warning is no error.
    """
    from aeon_jobs.ops.doctor import run_checks, run_remote_checks

    if context.address:
        with client(context.address) as jobs:
            findings = run_remote_checks(context.address, jobs)
    else:
        findings = run_checks()
    context.output.show(findings, _rendered)
    if any(finding.status == "error" for finding in findings):
        raise typer.Exit(Exit.FAILED)


def _rendered(findings: list[Finding]) -> RenderableType:
    """One line for each finding; the remedy stands on the line below."""
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold", max_width=30)
    drawn.add_column(overflow="fold")
    for finding in findings:
        drawn.add_row(cell(finding.status), Text(clean(finding.name)), Text(clean(finding.detail)))
        if finding.remedy:
            drawn.add_row("", "", Text(f"→ {clean(finding.remedy)}"), style="bold")
    return drawn
