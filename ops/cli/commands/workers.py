"""`aeon-jobs workers`: every process, and whether it is alive."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from aeon_jobs.ops.cli import completion
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.exit_codes import InvalidInput
from aeon_jobs.ops.cli.input.ids import beginning_with


class Kind(StrEnum):
    WORKER = "worker"
    DISPATCHER = "dispatcher"
    SCHEDULER = "scheduler"
    API = "api"


def workers(
    context: Context,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind.")] = None,
    acknowledge: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Remove a lost process from the list; its alarm ends.", autocompletion=completion.workers
        ),
    ] = None,
    quiet: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Start no more jobs on a worker; running jobs go on.", autocompletion=completion.workers
        ),
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Start jobs on it again.", autocompletion=completion.workers)
    ] = None,
) -> None:
    """List workers and the other processes, the latest seen first; or change one of them."""
    from aeon_jobs.ops.cli.output import formatters

    given = [text for text in (kind, acknowledge, quiet, resume) if text]
    if len(given) > 1:
        raise InvalidInput("options: give one of --kind, --acknowledge, --quiet, --resume")
    if acknowledge:
        worker_id = _worker_id(context, acknowledge)
        context.jobs.acknowledge_worker(worker_id)
        context.output.show({"acknowledged": worker_id}, lambda _: f"{worker_id} is removed from the list")
    elif quiet:
        worker = context.jobs.quiet_worker(_worker_id(context, quiet))
        context.output.show(worker, lambda worker: f"{worker.id} starts no more jobs; {worker.busy} running")
    elif resume:
        worker = context.jobs.resume_worker(_worker_id(context, resume))
        context.output.show(worker, lambda worker: f"{worker.id} starts jobs again")
    else:
        context.output.show(context.jobs.workers(kind.value if kind else None), formatters.worker_list)


def _worker_id(context: Context, text: str) -> str:
    return beginning_with(text, [worker.id for worker in context.jobs.workers()], "process")
