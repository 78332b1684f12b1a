"""`aeon-jobs workers`: every process, and whether it lives."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from aeon_jobs.ops.cli.desk import Desk


class Kind(StrEnum):
    WORKER = "worker"
    DISPATCHER = "dispatcher"
    SCHEDULER = "scheduler"
    API = "api"


def workers(
    desk: Desk,
    kind: Annotated[Kind | None, typer.Option(help="Only these.")] = None,
    acknowledge: Annotated[
        str | None, typer.Option(metavar="ID", help="Take a lost process off the list, and its alarm with it.")
    ] = None,
) -> None:
    """Workers and the other processes, the latest seen first."""
    from aeon_jobs.ops.cli.output import formatters

    if acknowledge is not None:
        desk.backend.acknowledge_worker(acknowledge)
        desk.screen.show({"acknowledged": acknowledge}, lambda _: f"{acknowledge} is off the list")
        return
    found = [worker for worker in desk.backend.workers() if kind in (None, worker.kind)]
    desk.screen.show(found, formatters.worker_list)
