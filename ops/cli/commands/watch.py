"""`aeon-jobs watch`: jobs as they change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from aeon_jobs.ops.cli.desk import Desk
from aeon_jobs.ops.cli.exit_codes import Exit
from aeon_jobs.ops.cli.output.console import as_text, cell, err, field_list, write_json

if TYPE_CHECKING:
    from aeon_jobs.api import contract

LOOK_EVERY_S = 1.0


def watch(
    desk: Desk,
    job_id: Annotated[UUID | None, typer.Argument(metavar="JOB", help="One job; without it, all of them.")] = None,
    recent: Annotated[int, typer.Option(min=1, max=100, help="Most jobs of the table.")] = 15,
) -> None:
    """Watch a job until it is over (exit code 1 unless it completed), or all of them until Ctrl-C.

    With --json: one line for each change.
    """
    with suppress(KeyboardInterrupt):
        if job_id is None:
            _watch_all(desk, recent)
            return
        if follow(desk, job_id, tell=True) != "completed":
            raise typer.Exit(Exit.FAILED)


def follow(desk: Desk, job_id: UUID, *, tell: bool = False) -> str:
    """Watch a job to its end; returns the status that it ended with. With `tell`, --json tells of each change."""
    status = ""
    with Live(console=err if desk.screen.as_json else desk.screen.console, transient=not tell) as live:
        for event in desk.backend.events(job_id):
            status = event.job.status
            if not desk.screen.as_json:
                live.update(_one(event.job))
            elif tell:
                write_json(event.job, indent=None)
    return status


def _watch_all(desk: Desk, recent: int) -> None:
    if desk.screen.as_json:
        for event in desk.backend.all_events():
            write_json(event.job, indent=None)
        return
    with Live(console=desk.screen.console, auto_refresh=False) as live:
        for drawn in _boards(desk, recent):
            live.update(drawn, refresh=True)


def _boards(desk: Desk, recent: int) -> Iterator[RenderableType]:
    while True:
        yield _board(desk, recent)
        time.sleep(LOOK_EVERY_S)


def _board(desk: Desk, recent: int) -> RenderableType:
    from aeon_jobs.ops.cli.output import formatters

    depths = desk.backend.metrics().queue_depths
    latest = desk.backend.page(sort="updated_at", limit=recent)
    names = ("pending", "scheduled", "queued", "running", "failed", "dlq")
    counts = Text("   ").join(Text.assemble((f"{getattr(depths, name)} ", "bold"), name) for name in names)
    return Group(counts, Text(), formatters.job_list(latest.items), Text("\nCtrl-C ends this", "dim"))


def _one(job: contract.JobEvent) -> RenderableType:
    return field_list(
        [
            ("job", job.job_id),
            ("type", job.job_type),
            ("status", cell(job.status)),
            ("attempt", job.attempt or None),
            ("progress", as_text(job.progress) if job.progress else None),
            ("scheduled", job.scheduled_at),
            ("error", job.error_message),
            ("changed", job.updated_at),
        ]
    )
