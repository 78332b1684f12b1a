"""`aeon-jobs health`: what the health check of a container runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from aeon_jobs.ops.cli.environment import settings
from aeon_jobs.ops.cli.exit_codes import Exit
from aeon_jobs.ops.cli.output.console import Output


class Role(StrEnum):
    API = "api"
    EXPORTER = "exporter"
    WORKER = "worker"
    DISPATCHER = "dispatcher"
    SCHEDULER = "scheduler"


def health(
    output: Output,
    role: Annotated[Role | None, typer.Argument(help="What runs here; process 1 of the container tells.")] = None,
) -> None:
    """Is the process of this container alive? Exit code 1 if not. `smoke` and `doctor` check the whole system."""
    from aeon_jobs.ops import health as checks

    found = role.value if role else checks.role_of_container()
    finding = checks.check(found, settings()) if found else None
    output.show(finding or {"role": None, "healthy": True}, lambda _: checks.line(finding))
    if finding and not finding.healthy:
        raise typer.Exit(Exit.FAILED)
