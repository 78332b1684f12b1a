"""Changes to many jobs at once, with an answer for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy import Connection

from aeon_jobs.api.client import views
from aeon_jobs.ops.cli.database.likeness import like
from aeon_jobs.ops.cli.database.office import Office
from aeon_jobs.persistence.admin import bulk

Work = Callable[[Connection, Sequence[UUID]], list[bulk.Item]]
_MOST_NOTED = 1_000


def change_many(
    office: Office,
    connection: Connection,
    change: bulk.Change,
    ids: Sequence[UUID],
    *,
    dry_run: bool,
    reason: str | None,
    work: Work,
    subject: str = "jobs",
) -> views.BatchAnswer:
    """Do `work` to the first MAX_BATCH of the ids, or foretell what it would do."""
    chosen = ids[: bulk.MAX_BATCH]
    items = bulk.foretell(connection, chosen, change) if dry_run else work(connection, chosen)
    answer = views.BatchAnswer(
        dry_run=dry_run,
        changed=sum(item.outcome in {"done", "requested"} for item in items),
        items=[like(views.BatchItem, item) for item in items],
        more=len(ids) > bulk.MAX_BATCH,
    )
    if not dry_run:
        noted = [str(item.job_id) for item in items[:_MOST_NOTED]]
        after = {"changed": answer.changed, "ids": noted}
        office.note(connection, f"{subject}.{change}", (subject, f"{len(chosen)} jobs"), after=after, reason=reason)
    return answer
