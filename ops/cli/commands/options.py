"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from aeon_jobs.ops.cli import completion
from aeon_jobs.ops.cli.input.values import moment, pairs

if TYPE_CHECKING:
    from aeon_jobs.api.contract import JobFilter


class Status(StrEnum):
    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


JobId = Annotated[
    str,
    typer.Argument(metavar="JOB", help="Id of the job, or its first characters.", autocompletion=completion.job_ids),
]
JobIds = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="JOB…",
        help="Ids of jobs, or their first characters; or use options.",
        autocompletion=completion.job_ids,
    ),
]
Reason = Annotated[str | None, typer.Option(help="Why. Is stored.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
PerSecond = Annotated[
    float | None, typer.Option("--per-second", min=0.001, max=100_000, help="Start so many jobs per second.")
]
Background = Annotated[
    bool,
    typer.Option(
        "--background", help="Let the dispatchers do it; see aeon-jobs bulk. Goes with options, not with ids."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would happen. Change nothing.")]
Statuses = Annotated[list[Status] | None, typer.Option("--status", help="May be repeated.")]
OfType = Annotated[str | None, typer.Option("--type", help="Job type.", autocompletion=completion.job_types)]
OfQueue = Annotated[str | None, typer.Option("--queue", help="Queue.", autocompletion=completion.queues)]
CreatedBy = Annotated[str | None, typer.Option(help="Who submitted the job.")]
OfWorkflow = Annotated[UUID | None, typer.Option("--workflow", metavar="WORKFLOW", help="Id of a workflow or a batch.")]
After = Annotated[str | None, typer.Option(metavar="TIME", help="Created since: 2030-01-31T09:00:00Z, or 2h ago: 2h.")]
Before = Annotated[str | None, typer.Option(metavar="TIME", help="Created before.")]
Metadata = Annotated[list[str] | None, typer.Option(metavar="K=V", help="Text, or a JSON object. May be repeated.")]
PayloadFields = Annotated[
    list[str] | None,
    typer.Option("--payload", metavar="PATH=VALUE", help="A field of the payload: customer.id=7. May be repeated."),
]
Archived = Annotated[bool, typer.Option("--archived", help="What is in the archive instead.")]
Cursor = Annotated[str | None, typer.Option(help="Continue an earlier list.")]


def job_filter(
    status: list[Status] | None = None,
    type_: str | None = None,
    queue: str | None = None,
    created_by: str | None = None,
    workflow: UUID | None = None,
    after: str | None = None,
    before: str | None = None,
    metadata: list[str] | None = None,
    archived: bool = False,
) -> JobFilter:
    """
    Raises:
        InvalidInput
    """
    from aeon_jobs.api.contract import JobFilter

    return JobFilter(
        status=tuple(entry.value for entry in status or ()),
        job_type=type_,
        queue_name=queue,
        created_by=created_by,
        workflow_id=workflow,
        created_after=moment(after, "--after"),
        created_before=moment(before, "--before"),
        metadata=pairs(metadata),
        archived=archived,
    )
