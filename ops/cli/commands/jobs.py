"""The commands about jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from aeon_jobs.ops.cli.desk import Desk
from aeon_jobs.ops.cli.exit_codes import Exit, InvalidInput
from aeon_jobs.ops.cli.input.values import duration, exact_moment, from_now, json_object, moment, pairs

if TYPE_CHECKING:
    from aeon_jobs.api import contract
    from aeon_jobs.api.contract import JobFilter

JobId = Annotated[UUID, typer.Argument(metavar="JOB", help="Id of the job.")]
JobIds = Annotated[list[UUID] | None, typer.Argument(metavar="JOB…", help="Ids of jobs; or name some by options.")]
Reason = Annotated[str | None, typer.Option(help="Why; is stored.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
PerSecond = Annotated[
    float | None, typer.Option("--per-second", min=0.001, max=100_000, help="One after the other, not all at once.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what would happen, and change nothing.")]


class Status(StrEnum):
    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Sort(StrEnum):
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    PRIORITY = "priority"


class OnFailure(StrEnum):
    WAIT = "wait"
    CANCEL = "cancel"
    RUN = "run"


Statuses = Annotated[list[Status] | None, typer.Option("--status", help="May be repeated.")]
OfType = Annotated[str | None, typer.Option("--type", help="Job type.")]
Queue = Annotated[str | None, typer.Option(help="Queue.")]
CreatedBy = Annotated[str | None, typer.Option(help="Who submitted it.")]
After = Annotated[str | None, typer.Option(metavar="TIME", help="Created since: 2030-01-31T09:00:00Z, or 2h ago: 2h.")]
Before = Annotated[str | None, typer.Option(metavar="TIME", help="Created before.")]
Metadata = Annotated[list[str] | None, typer.Option(metavar="K=V", help="Text, or a JSON object; may be repeated.")]


def submit(
    desk: Desk,
    job_type: Annotated[str | None, typer.Argument(metavar="TYPE", help="See: aeon-jobs types.")] = None,
    payload: Annotated[str | None, typer.Argument(help="JSON, @file, or - for stdin.")] = None,
    priority: Annotated[int | None, typer.Option(help="0 to 100, higher first.")] = None,
    max_retries: Annotated[int | None, typer.Option(help="0 to 10.")] = None,
    timeout_ms: Annotated[int | None, typer.Option(help="For one attempt, 1000 to 600000.")] = None,
    queue: Queue = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Not before, such as 2030-01-31T09:00:00Z.")] = None,
    in_: Annotated[str | None, typer.Option("--in", metavar="DURATION", help="Not before, from now: 90s, 2h.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="A second job of this key is not made.")] = None,
    depends_on: Annotated[list[UUID] | None, typer.Option(metavar="JOB", help="May be repeated.")] = None,
    on_dependency_failure: Annotated[OnFailure, typer.Option(help="When one of those fails.")] = OnFailure.WAIT,
    metadata: Metadata = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until it is over; exit code 1 unless it completed.")] = False,
    many: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Every job of a file (JSON Lines, or an array), each an object such as POST /api/jobs takes;"
            " what one leaves out is taken from here.",
        ),
    ] = None,
) -> None:
    """Submit a job, or with --many all of a file. What is left out is the job type's own default."""
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
        scheduled_at=_due(at, in_),
        idempotency_key=idempotency_key,
        depends_on=tuple(depends_on or ()),
        on_dependency_failure=on_dependency_failure.value,
        metadata=pairs(metadata),
    )
    if many is not None:
        from aeon_jobs.ops.cli.commands.submit_many import submit_file

        submit_file(desk, many, new)
        return
    submitted = desk.backend.submit_new(new)
    if wait:
        _wait(desk, submitted.job_id)
        return
    word = "submitted" if submitted.is_new else "was there already"
    desk.screen.show(submitted, lambda s: f"{s.job_id} {word}, {s.status}")


def _due(at: str | None, in_: str | None) -> datetime | None:
    if at and in_:
        raise InvalidInput("--at: give either --at or --in")
    if in_:
        return from_now(duration(in_, "--in"), "--in")
    return exact_moment(at, "--at") if at else None


def _wait(desk: Desk, job_id: UUID) -> None:
    """Until the job is over; then it is shown."""
    from aeon_jobs.ops.cli.commands.watch import follow
    from aeon_jobs.ops.cli.output import formatters

    follow(desk, job_id)
    job = desk.backend.get(job_id)
    desk.screen.show(job, formatters.job)
    if job.status != "completed":
        raise typer.Exit(Exit.FAILED)


def list_jobs(
    desk: Desk,
    status: Statuses = None,
    type_: OfType = None,
    queue: Queue = None,
    created_by: CreatedBy = None,
    after: After = None,
    before: Before = None,
    metadata: Metadata = None,
    sort: Annotated[Sort, typer.Option(help="What to sort by.")] = Sort.CREATED_AT,
    ascending: Annotated[bool, typer.Option("--asc", help="Lowest or oldest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Most jobs.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on after an earlier list.")] = None,
) -> None:
    """List jobs, newest first."""
    from aeon_jobs.api.contract import Page
    from aeon_jobs.ops.cli.output import formatters

    which = job_filter(status, type_, queue, created_by, after, before, metadata)
    found: list[contract.JobSummary] = []
    following = cursor
    while True:
        page = desk.backend.page(
            which,
            sort=sort.value,
            descending=not ascending,
            limit=min(200, limit - len(found)),
            cursor=following,
        )
        found += page.items
        following = page.next_cursor
        if following is None or len(found) >= limit:
            break
    desk.screen.show(Page(items=found, next_cursor=following), lambda page: formatters.job_list(page.items))
    if following and not desk.screen.as_json:
        desk.screen.say(f"more: --cursor {following}", "dim")


def show(desk: Desk, job_id: JobId) -> None:
    """A job with payload, result and every attempt."""
    from aeon_jobs.ops.cli.output import formatters

    desk.screen.show(desk.backend.get(job_id), formatters.job)


def explain(desk: Desk, job_id: JobId) -> None:
    """Why a job is not running: every reason that holds now."""
    from aeon_jobs.ops.cli.output import formatters

    desk.screen.show(desk.backend.explain(job_id), formatters.explanation)


def cancel(
    desk: Desk,
    ids: JobIds = None,
    status: Statuses = None,
    type_: OfType = None,
    queue: Queue = None,
    created_by: CreatedBy = None,
    after: After = None,
    before: Before = None,
    metadata: Metadata = None,
    reason: Reason = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Cancel jobs: those that wait at once, those that run are asked to stop."""
    from aeon_jobs.ops.cli.commands import bulk

    which = job_filter(status, type_, queue, created_by, after, before, metadata)
    bulk.refuse_both(ids, which)
    # The oldest matches are looked at first: without this, those that are over would hide the others.
    which = which if status else replace(which, status=("pending", "queued", "running"))
    if ids and len(ids) == 1 and not dry_run:
        desk.screen.show(desk.backend.cancel(ids[0], reason=reason), lambda job: _changed(job, "is asked to stop"))
        return
    change = bulk.Bulk("Cancel", "jobs", desk.backend.cancel_many)
    bulk.run(desk, change, ids or which, reason=reason, dry_run=dry_run, yes=yes)


def retry(
    desk: Desk,
    ids: JobIds = None,
    status: Statuses = None,
    type_: OfType = None,
    queue: Queue = None,
    created_by: CreatedBy = None,
    after: After = None,
    before: Before = None,
    metadata: Metadata = None,
    reason: Reason = None,
    per_second: PerSecond = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Run jobs now: failed and cancelled ones start anew, waiting ones wait no longer for their moment.

    By filter: failed and cancelled ones, unless --status says otherwise.
    """
    from aeon_jobs.ops.cli.commands import bulk

    which = job_filter(status, type_, queue, created_by, after, before, metadata)
    bulk.refuse_both(ids, which)
    which = which if status else replace(which, status=("failed", "cancelled"))
    if ids and len(ids) == 1 and not dry_run:
        desk.screen.show(desk.backend.retry(ids[0], reason=reason), lambda job: _changed(job, job.status))
        return
    change = bulk.Bulk("Retry", "jobs", desk.backend.retry_many, per_second)
    bulk.run(desk, change, ids or which, reason=reason, dry_run=dry_run, yes=yes)


def _changed(job: contract.Job, running: str) -> str:
    return f"{job.job_id} {running if job.status == 'running' else f'is {job.status}'}"


def job_filter(
    status: list[Status] | None,
    type_: str | None,
    queue: str | None,
    created_by: str | None,
    after: str | None,
    before: str | None,
    metadata: list[str] | None,
) -> JobFilter:
    from aeon_jobs.api.contract import JobFilter

    return JobFilter(
        status=tuple(entry.value for entry in status or ()),
        job_type=type_,
        queue_name=queue,
        created_by=created_by,
        created_after=moment(after, "--after"),
        created_before=moment(before, "--before"),
        metadata=pairs(metadata),
    )
