"""`aeon-jobs queues`: list, pause, resume, limit, purge, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aeon_jobs.ops.cli import completion
from aeon_jobs.ops.cli.commands.options import DryRun, Reason, Yes
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.exit_codes import InvalidInput
from aeon_jobs.ops.cli.group import CommandGroup
from aeon_jobs.ops.cli.input.prompts import confirm

if TYPE_CHECKING:
    from aeon_jobs.api.contract import BatchAnswer

app = CommandGroup(help="Queues: list, pause, resume, limit, purge, delete.")

Name = Annotated[str, typer.Argument(metavar="QUEUE", help="Name of the queue.", autocompletion=completion.queues)]


@app.command("list")
def list_queues(context: Context) -> None:
    """List every queue that a job type, a job, a worker or a setting names."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.queues(), formatters.queue_list)


@app.command()
def pause(context: Context, name: Name, reason: Reason = None) -> None:
    """Start no more jobs of a queue. Running jobs go on."""
    context.output.show(context.jobs.pause_queue(name, reason=reason), lambda queue: f"{queue.name} is paused")


@app.command()
def resume(context: Context, name: Name) -> None:
    """Start jobs of a queue again."""
    context.output.show(context.jobs.resume_queue(name), lambda queue: f"{queue.name} is not paused")


@app.command()
def limit(
    context: Context,
    name: Name,
    most: Annotated[str, typer.Argument(metavar="NUMBER|none", help="Most jobs at once, over all workers.")],
) -> None:
    """Limit how many jobs of a queue run at once. none: no limit."""
    if most != "none" and not (most.isascii() and most.isdecimal() and int(most) <= 1_000_000):
        raise InvalidInput("NUMBER: must be a whole number from 0 to 1000000, or none")
    number = None if most == "none" else int(most)
    context.output.show(
        context.jobs.limit_queue(name, number),
        lambda queue: f"{queue.name} runs {'without limit' if number is None else f'at most {number} at once'}",
    )


@app.command()
def purge(context: Context, name: Name, reason: Reason = None, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Cancel all waiting jobs of a queue. Running jobs go on."""
    from aeon_jobs.ops.cli.output import formatters

    answer = context.jobs.purge_queue(name, dry_run=True)
    if answer.changed and not dry_run:
        if not yes:
            number = f"at least {answer.changed}" if answer.more else str(answer.changed)
            confirm(f"Cancel {number} waiting jobs of queue {name}?")
        answer = _purged(context, name, reason)
    context.output.show(answer, formatters.batch)


def _purged(context: Context, name: str, reason: str | None) -> BatchAnswer:
    """In rounds, until no job waits."""
    from aeon_jobs.api.contract import BatchAnswer

    answer = context.jobs.purge_queue(name, reason=reason)
    items = list(answer.items)
    while answer.more and answer.changed:
        answer = context.jobs.purge_queue(name, reason=reason)
        items += answer.items
    changed = sum(item.outcome in {"done", "requested"} for item in items)
    return BatchAnswer(dry_run=False, changed=changed, items=items, more=answer.more)


@app.command()
def delete(context: Context, name: Name, yes: Yes = False) -> None:
    """Delete the settings of a queue that nothing uses any more."""
    if not yes:
        confirm(f"Delete queue {name}?")
    context.jobs.delete_queue(name)
    context.output.show({"deleted": name}, lambda _: f"deleted {name}")
