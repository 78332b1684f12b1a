"""`aeon-jobs audit`: who changed what, when, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aeon_jobs.ops.cli.commands.options import Archived, Cursor
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.input import ids
from aeon_jobs.ops.cli.input.values import moment

if TYPE_CHECKING:
    from aeon_jobs.api.contract import AuditEntry

PAGE = 200


def audit(
    context: Context,
    actor: Annotated[str | None, typer.Option(help="Who: the name of a key, or cli:LOGIN.")] = None,
    action: Annotated[str | None, typer.Option(help="What, such as job.cancel or queue.pause.")] = None,
    subject_type: Annotated[
        str | None, typer.Option(help="Of such things: job, dead_letter, schedule, queue …")
    ] = None,
    subject_id: Annotated[str | None, typer.Option(help="Of this thing: an id, or the name of a queue.")] = None,
    job: Annotated[str | None, typer.Option(metavar="JOB", help="Of this job.")] = None,
    after: Annotated[
        str | None, typer.Option(metavar="TIME", help="Since: 2030-01-31T09:00:00Z, or 2h ago: 2h.")
    ] = None,
    before: Annotated[str | None, typer.Option(metavar="TIME", help="Before.")] = None,
    archived: Archived = False,
    limit: Annotated[int, typer.Option(min=1, help="Most entries.")] = 50,
    cursor: Cursor = None,
) -> None:
    """List changes: who, what, when, why; newest first."""
    from aeon_jobs.api.contract import AuditFilter, Page
    from aeon_jobs.ops.cli.output import formatters

    if job is not None:
        subject_type, subject_id = "job", str(ids.job_id(context.jobs, job))
    which = AuditFilter(
        actor=actor,
        action=action,
        subject_type=subject_type,
        subject_id=subject_id,
        after=moment(after, "--after"),
        before=moment(before, "--before"),
        archived=archived,
    )
    found: list[AuditEntry] = []
    following = cursor
    while True:
        page = context.jobs.audit_page(which, limit=min(PAGE, limit - len(found)), cursor=following)
        found += page.items
        following = page.next_cursor
        if following is None or len(found) >= limit:
            break
    context.output.show(Page(items=found, next_cursor=following), lambda page: formatters.audit_list(page.items))
    context.output.say_more(following)
