"""`aeon-jobs types`: what can be submitted."""

from __future__ import annotations

from typing import Annotated

import typer

from aeon_jobs.ops.cli.desk import Desk
from aeon_jobs.ops.cli.exit_codes import NotFound


def types(
    desk: Desk, name: Annotated[str | None, typer.Argument(metavar="TYPE", help="One, with schema and example.")] = None
) -> None:
    """Job types: what can be submitted, and what its payload must look like."""
    from aeon_jobs.ops.cli.output import formatters

    found = desk.backend.job_types()
    if name is None:
        desk.screen.show(found, formatters.type_list)
        return
    for job_type in found:
        if job_type.name == name:
            desk.screen.show(job_type, formatters.job_type)
            return
    raise NotFound(f"no job type {name!r:.120}")
