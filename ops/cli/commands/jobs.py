"""Jobs: list, show, explain; cancel, retry, change."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aeon_jobs.ops.cli.commands.options import (
    After,
    Archived,
    Background,
    Before,
    CreatedBy,
    Cursor,
    DryRun,
    JobId,
    JobIds,
    Metadata,
    OfQueue,
    OfType,
    OfWorkflow,
    PayloadFields,
    PerSecond,
    Reason,
    Statuses,
    Yes,
    job_filter,
)
from aeon_jobs.ops.cli.commands.submit import due_time
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.exit_codes import InvalidInput
from aeon_jobs.ops.cli.input import ids
from aeon_jobs.ops.cli.input.values import payload_fields

if TYPE_CHECKING:
    from aeon_jobs.api.contract import Job, JobSummary

PAGE = 200
"""Most jobs of one page."""


class Sort(StrEnum):
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    PRIORITY = "priority"


def list_jobs(
    context: Context,
    status: Statuses = None,
    type_: OfType = None,
    queue: OfQueue = None,
    created_by: CreatedBy = None,
    workflow: OfWorkflow = None,
    after: After = None,
    before: Before = None,
    metadata: Metadata = None,
    payload: PayloadFields = None,
    id_: Annotated[str | None, typer.Option("--id", metavar="DIGITS", help="The first digits of the id.")] = None,
    archived: Archived = False,
    sort: Annotated[Sort, typer.Option(help="Sort by this.")] = Sort.CREATED_AT,
    ascending: Annotated[bool, typer.Option("--asc", help="Lowest or oldest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Most jobs.")] = 50,
    cursor: Cursor = None,
) -> None:
    """List jobs, newest first."""
    from aeon_jobs.api.contract import Page
    from aeon_jobs.ops.cli.output import formatters

    which = job_filter(status, type_, queue, created_by, workflow, after, before, metadata, archived)
    which = replace(which, payload=payload_fields(payload), id_prefix=id_)
    found: list[JobSummary] = []
    following = cursor
    while True:
        size = min(PAGE, limit - len(found))
        page = context.jobs.page(which, sort=sort.value, descending=not ascending, limit=size, cursor=following)
        found += page.items
        following = page.next_cursor
        if following is None or len(found) >= limit:
            break
    context.output.show(Page(items=found, next_cursor=following), lambda page: formatters.job_list(page.items))
    context.output.say_more(following)


def show(context: Context, job: JobId) -> None:
    """Show a job: payload, result, dependencies, every attempt, traceback, dead letter."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.get(ids.job_id(context.jobs, job)), formatters.job)


def explain(context: Context, job: JobId) -> None:
    """Show every reason why a job does not run now."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.explain(ids.job_id(context.jobs, job)), formatters.explanation)


def cancel(
    context: Context,
    jobs: JobIds = None,
    status: Statuses = None,
    type_: OfType = None,
    queue: OfQueue = None,
    created_by: CreatedBy = None,
    workflow: OfWorkflow = None,
    after: After = None,
    before: Before = None,
    metadata: Metadata = None,
    reason: Reason = None,
    dry_run: DryRun = False,
    background: Background = False,
    yes: Yes = False,
) -> None:
    """Cancel jobs: waiting ones at once, running ones are asked to stop."""
    from aeon_jobs.ops.cli.commands import bulk

    which = job_filter(status, type_, queue, created_by, workflow, after, before, metadata)
    bulk.require_one_of(jobs, which)
    # The oldest matches come first: without this, jobs that are over would hide the others.
    which = which if status else replace(which, status=("pending", "queued", "running"))
    found = ids.job_ids(context.jobs, jobs)
    if background:
        bulk.in_background(context, "cancel", found or which, reason=reason, dry_run=dry_run, yes=yes)
        return
    if len(found) == 1 and not dry_run:
        job = context.jobs.cancel(found[0], reason=reason)
        context.output.show(job, lambda job: _changed(job, "is asked to stop"))
        return
    change = bulk.Bulk("Cancel", "jobs", context.jobs.cancel_many)
    bulk.run(context, change, found or which, reason=reason, dry_run=dry_run, yes=yes)


def retry(
    context: Context,
    jobs: JobIds = None,
    status: Statuses = None,
    type_: OfType = None,
    queue: OfQueue = None,
    created_by: CreatedBy = None,
    workflow: OfWorkflow = None,
    after: After = None,
    before: Before = None,
    metadata: Metadata = None,
    reason: Reason = None,
    per_second: PerSecond = None,
    dry_run: DryRun = False,
    background: Background = False,
    yes: Yes = False,
) -> None:
    """Run jobs now: failed and cancelled ones start again, scheduled ones wait no longer.

    By filter: failed and cancelled ones, unless --status says otherwise.
    """
    from aeon_jobs.ops.cli.commands import bulk

    which = job_filter(status, type_, queue, created_by, workflow, after, before, metadata)
    bulk.require_one_of(jobs, which)
    which = which if status else replace(which, status=("failed", "cancelled"))
    found = ids.job_ids(context.jobs, jobs)
    if background:
        bulk.in_background(
            context, "retry", found or which, reason=reason, dry_run=dry_run, yes=yes, per_second=per_second
        )
        return
    if len(found) == 1 and not dry_run:
        context.output.show(context.jobs.retry(found[0], reason=reason), lambda job: _changed(job, job.status))
        return
    change = bulk.Bulk("Retry", "jobs", context.jobs.retry_many, per_second)
    bulk.run(context, change, found or which, reason=reason, dry_run=dry_run, yes=yes)


def change(
    context: Context,
    jobs: JobIds = None,
    priority: Annotated[int | None, typer.Option(help="New priority, 0 to 100, higher first.")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Not before, such as 2030-01-31T09:00:00Z.")] = None,
    in_: Annotated[str | None, typer.Option("--in", metavar="DURATION", help="Not before, from now: 90s, 2h.")] = None,
    type_: OfType = None,
    queue: OfQueue = None,
    created_by: CreatedBy = None,
    workflow: OfWorkflow = None,
    after: After = None,
    before: Before = None,
    metadata: Metadata = None,
    reason: Reason = None,
    dry_run: DryRun = False,
    background: Background = False,
    yes: Yes = False,
) -> None:
    """Give pending jobs another priority, another time, or both."""
    from aeon_jobs.ops.cli.commands import bulk

    given: dict[str, Any] = {"priority": priority, "scheduled_at": due_time(at, in_)}
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise InvalidInput("say what to change: --priority, --at or --in")
    which = job_filter(None, type_, queue, created_by, workflow, after, before, metadata)
    bulk.require_one_of(jobs, which)
    which = replace(which, status=("pending",))
    found = ids.job_ids(context.jobs, jobs)
    if background:
        bulk.in_background(context, "change", found or which, reason=reason, dry_run=dry_run, yes=yes, **changes)
        return
    if len(found) == 1 and not dry_run:
        job = context.jobs.change(found[0], **changes)
        context.output.show(job, lambda job: f"{job.job_id} is changed: {_told(changes)}")
        return
    work = bulk.Bulk("Change", "jobs", partial(context.jobs.change_many, **changes), still_matches=True)
    bulk.run(context, work, found or which, reason=reason, dry_run=dry_run, yes=yes)


def _changed(job: Job, running: str) -> str:
    return f"{job.job_id} {running if job.status == 'running' else f'is {job.status}'}"


def _told(changes: dict[str, Any]) -> str:
    from aeon_jobs.ops.cli.output.values import as_text

    return ", ".join(f"{name} {as_text(value)}" for name, value in changes.items())
