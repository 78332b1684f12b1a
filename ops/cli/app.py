"""The tree of commands, and the entry point."""

from __future__ import annotations

import os
import sys

from ops.cli import dlq, doctor, job_types, jobs, keys, migrate, processes, queues, schedules, watch, workers
from ops.cli.commands import Commands
from ops.cli.exits import exit_of
from ops.cli.screen import Screen, clean, err

app = Commands(
    name="aeon-jobs",
    help="Jobs that are never lost: PostgreSQL decides, Redis delivers, Dramatiq runs.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 not found, 4 wrong state, 5 server unavailable.",
)

JOBS, SYSTEM, PROCESSES = "Jobs", "System", "Processes"

for verb in (jobs.submit, jobs.list_jobs, jobs.show, jobs.explain, jobs.cancel, jobs.retry, watch.watch):
    app.command(verb.__name__.removesuffix("_jobs"), rich_help_panel=JOBS)(verb)
app.add_typer(dlq.app, name="dlq", rich_help_panel=JOBS)
app.add_typer(schedules.app, name="schedules", rich_help_panel=JOBS)
app.command("types", rich_help_panel=JOBS)(job_types.types)

app.add_typer(queues.app, name="queues", rich_help_panel=SYSTEM)
app.command("workers", rich_help_panel=SYSTEM)(workers.workers)
app.add_typer(keys.app, name="keys", rich_help_panel=SYSTEM)
app.add_typer(migrate.app, name="migrate", rich_help_panel=SYSTEM)
app.command("doctor", rich_help_panel=SYSTEM)(doctor.doctor)

for process in (
    processes.up,
    processes.demo,
    processes.api,
    processes.worker,
    processes.dispatcher,
    processes.scheduler,
):
    app.command(rich_help_panel=PROCESSES)(process)


@app.command(rich_help_panel=SYSTEM)
def version(screen: Screen) -> None:
    """Show the version."""
    from importlib import metadata

    screen.show({"version": metadata.version("aeon-jobs")}, lambda found: found["version"])


def main() -> None:
    """The entry point."""
    try:
        app(prog_name="aeon-jobs")
    except BrokenPipeError:
        # Whoever read our output has gone; Python must not try to flush the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        known = exit_of(error)
        if known is None:
            raise
        code, message = known
        err.print(f"error: {clean(' '.join(message.split()))}", style="red", markup=False, soft_wrap=True)
        sys.exit(code)
