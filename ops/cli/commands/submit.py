"""`aeon-jobs submit`: one job, or with --many all jobs of a file."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from aeon_jobs.ops.cli import completion
from aeon_jobs.ops.cli.commands.options import Metadata, OfQueue, OfWorkflow
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.exit_codes import Exit, InvalidInput
from aeon_jobs.ops.cli.input import ids
from aeon_jobs.ops.cli.input.values import duration, exact_moment, from_now, json_object, pairs
from aeon_jobs.ops.cli.output.console import note


class OnFailure(StrEnum):
    WAIT = "wait"
    CANCEL = "cancel"
    RUN = "run"


def submit(
    context: Context,
    job_type: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="See: aeon-jobs types.", autocompletion=completion.job_types)
    ] = None,
    payload: Annotated[str | None, typer.Argument(help="JSON, @file, or - for stdin.")] = None,
    priority: Annotated[int | None, typer.Option(help="0 to 100, higher first.")] = None,
    max_retries: Annotated[int | None, typer.Option(help="0 to 10, or up to what the job type declares.")] = None,
    timeout_ms: Annotated[
        int | None, typer.Option(help="For one attempt, 1000 to 600000, or up to what the job type declares.")
    ] = None,
    queue: OfQueue = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Not before, such as 2030-01-31T09:00:00Z.")] = None,
    in_: Annotated[str | None, typer.Option("--in", metavar="DURATION", help="Not before, from now: 90s, 2h.")] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="If it has not begun by then, the job is cancelled.")
    ] = None,
    expires_in: Annotated[str | None, typer.Option(metavar="DURATION", help="The same, from now: 90s, 2h.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="No second job with this key is made.")] = None,
    depends_on: Annotated[
        list[str] | None,
        typer.Option(metavar="JOB", help="Run after this job. May be repeated.", autocompletion=completion.job_ids),
    ] = None,
    on_dependency_failure: Annotated[
        OnFailure, typer.Option(help="What to do when one of them fails.")
    ] = OnFailure.WAIT,
    workflow: OfWorkflow = None,
    metadata: Metadata = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the end. Exit code 1 if the job did not complete.")
    ] = False,
    many: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Submit every job of a file: JSON Lines, or an array. Each is an object as for POST /api/jobs."
            " The options give what an object leaves out.",
        ),
    ] = None,
) -> None:
    """Submit a job, or with --many all jobs of a file. What you leave out is the default of the job type."""
    from aeon_jobs.api.contract import NewJob

    if job_type is None and many is None:
        raise InvalidInput("TYPE: is missing; see aeon-jobs types")
    if wait and many is not None:
        raise InvalidInput("--wait: waits for one job, not for --many")
    new = NewJob(
        job_type=job_type or "",
        payload=json_object(payload),
        priority=priority,
        max_retries=max_retries,
        timeout_ms=timeout_ms,
        queue_name=queue,
        scheduled_at=due_time(at, in_),
        expires_at=due_time(expires, expires_in, ("--expires", "--expires-in")),
        idempotency_key=idempotency_key,
        depends_on=ids.job_ids(context.jobs, depends_on) if depends_on else (),
        on_dependency_failure=on_dependency_failure.value,
        workflow_id=workflow,
        metadata=pairs(metadata),
    )
    if many is not None:
        from aeon_jobs.ops.cli.commands.submit_many import submit_file

        submit_file(context, many, new)
        return
    submitted = context.jobs.submit_new(new)
    if wait:
        _wait(context, submitted.job_id)
        return
    word = "submitted" if submitted.is_new else "exists already"
    context.output.show(submitted, lambda s: f"{s.job_id} {word}, {s.status}")


def due_time(at: str | None, in_: str | None, names: tuple[str, str] = ("--at", "--in")) -> datetime | None:
    """
    Raises:
        InvalidInput
    """
    at_name, in_name = names
    if at and in_:
        raise InvalidInput(f"{at_name}: give either {at_name} or {in_name}")
    if in_:
        return from_now(duration(in_, in_name), in_name)
    return exact_moment(at, at_name) if at else None


def _wait(context: Context, job_id: UUID) -> None:
    """Wait until the job is over, then show it. Whatever happens meanwhile: the person knows the id."""
    from aeon_jobs.ops.cli.commands.watch import follow
    from aeon_jobs.ops.cli.output import formatters

    try:
        note(f"{job_id} submitted")
        follow(context, job_id)
    except KeyboardInterrupt:
        note(f"\nthe job goes on; see it with: aeon-jobs watch {job_id}")
        raise typer.Exit(Exit.INTERRUPTED) from None
    job = context.jobs.get(job_id)
    context.output.show(job, formatters.job)
    if job.status != "completed":
        raise typer.Exit(Exit.FAILED)
