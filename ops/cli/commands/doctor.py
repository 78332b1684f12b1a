"""`aeon-jobs doctor`: is this deployment well?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from aeon_jobs.ops.cli.exit_codes import Exit
from aeon_jobs.ops.cli.output.console import Output, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aeon_jobs.ops.doctor.finding import Finding


def doctor(screen: Output) -> None:
    """Check PostgreSQL, Redis, clocks, environment, processes, queues, disk; tell the remedy for what is wrong.

    Exit code 1 when a check found an error; warnings are none.
    """
    from aeon_jobs.ops.doctor import run_checks

    findings = run_checks()
    screen.show(findings, _drawn)
    if any(finding.status == "error" for finding in findings):
        raise typer.Exit(Exit.FAILED)


def _drawn(findings: list[Finding]) -> RenderableType:
    rows = [(finding.status, finding.name, finding.detail, finding.remedy) for finding in findings]
    return table(("", "check", "found", "remedy"), rows)
