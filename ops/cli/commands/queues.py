"""`aeon-jobs queues`: how long they are, who serves them; pause, resume, limit."""

from __future__ import annotations

from typing import Annotated

import typer

from aeon_jobs.ops.cli.commands.jobs import Reason
from aeon_jobs.ops.cli.desk import Desk
from aeon_jobs.ops.cli.exit_codes import InvalidInput
from aeon_jobs.ops.cli.group import CommandGroup

app = CommandGroup(help="Queues: how long they are, who serves them; pause, resume, limit.")

Name = Annotated[str, typer.Argument(metavar="QUEUE", help="Name of the queue.")]


@app.command("list")
def list_queues(desk: Desk) -> None:
    """Every queue that somebody uses, serves, paused or limited."""
    from aeon_jobs.ops.cli.output import formatters

    desk.screen.show(desk.backend.queues(), formatters.queue_list)


@app.command()
def pause(desk: Desk, name: Name, reason: Reason = None) -> None:
    """Start nothing more from a queue; what runs goes on."""
    desk.screen.show(desk.backend.pause_queue(name, reason=reason), lambda queue: f"{queue.name} is paused")


@app.command()
def resume(desk: Desk, name: Name) -> None:
    """Go on."""
    desk.screen.show(desk.backend.resume_queue(name), lambda queue: f"{queue.name} is not paused")


@app.command()
def limit(
    desk: Desk,
    name: Name,
    most: Annotated[str, typer.Argument(metavar="NUMBER|none", help="Jobs that run at once, over all workers.")],
) -> None:
    """Run at most so many jobs of a queue at once; none: as many as there are threads."""
    if most != "none" and not (most.isascii() and most.isdecimal() and int(most) <= 1_000_000):
        raise InvalidInput("NUMBER: must be a whole number from 0 to 1000000, or none")
    number = None if most == "none" else int(most)
    desk.screen.show(
        desk.backend.limit_queue(name, number),
        lambda queue: f"{queue.name} runs {'without limit' if number is None else f'at most {number} at once'}",
    )
