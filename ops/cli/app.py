"""The tree of commands, and the entry point."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from aeon_jobs.ops.cli.commands import (
    archive,
    audit,
    backup,
    bulk_changes,
    dead_letters,
    docs,
    doctor,
    health,
    job_types,
    jobs,
    keys,
    local,
    logs,
    migrate,
    processes,
    queues,
    schedules,
    smoke,
    statistics,
    submit,
    system,
    top,
    watch,
    workers,
    workflows,
)
from aeon_jobs.ops.cli.environment import report_fatal
from aeon_jobs.ops.cli.exit_codes import Exit, InvalidInput, classify
from aeon_jobs.ops.cli.group import CommandGroup
from aeon_jobs.ops.cli.output.console import Output, error

app = CommandGroup(
    name="aeon-jobs",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 not found, 4 wrong state, 5 server unavailable.",
)
LOGGING = {"api", "worker", "dispatcher", "scheduler"}
"""Commands that become a process with a log."""
JOBS, SYSTEM, PROCESSES = "Jobs", "System", "Processes"


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(_version())
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Jobs that are never lost: PostgreSQL decides, Redis delivers, Dramatiq runs."""


for name, function in (
    ("submit", submit.submit),
    ("list", jobs.list_jobs),
    ("show", jobs.show),
    ("explain", jobs.explain),
    ("logs", logs.logs),
    ("watch", watch.watch),
    ("cancel", jobs.cancel),
    ("retry", jobs.retry),
    ("change", jobs.change),
):
    app.command(name, rich_help_panel=JOBS)(function)
app.add_typer(dead_letters.app, name="dlq", rich_help_panel=JOBS)
app.add_typer(schedules.app, name="schedules", rich_help_panel=JOBS)
app.add_typer(workflows.app, name="workflows", rich_help_panel=JOBS)
app.add_typer(bulk_changes.app, name="bulk", rich_help_panel=JOBS)
app.command("types", rich_help_panel=JOBS)(job_types.types)

app.command("stats", rich_help_panel=SYSTEM)(statistics.stats)
app.command("system", rich_help_panel=SYSTEM)(system.system)
app.command("top", rich_help_panel=SYSTEM)(top.top)
app.add_typer(queues.app, name="queues", rich_help_panel=SYSTEM)
app.add_typer(job_types.app, name="job-types", rich_help_panel=SYSTEM)
app.command("workers", rich_help_panel=SYSTEM)(workers.workers)
app.add_typer(keys.app, name="keys", rich_help_panel=SYSTEM)
app.command("audit", rich_help_panel=SYSTEM)(audit.audit)
app.add_typer(archive.app, name="archive", rich_help_panel=SYSTEM)
app.add_typer(migrate.app, name="migrate", rich_help_panel=SYSTEM)
app.add_typer(docs.app, name="docs", rich_help_panel=SYSTEM)
app.command("backup", rich_help_panel=SYSTEM)(backup.backup)
app.command("restore", rich_help_panel=SYSTEM)(backup.restore)
app.command("doctor", rich_help_panel=SYSTEM)(doctor.doctor)
app.command("health", rich_help_panel=SYSTEM)(health.health)
app.command("smoke", rich_help_panel=SYSTEM)(smoke.smoke)

for process in (
    processes.up,
    local.env,
    local.mails,
    processes.demo,
    processes.api,
    processes.worker,
    processes.dispatcher,
    processes.scheduler,
    processes.exporter,
):
    app.command(rich_help_panel=PROCESSES)(process)


@app.command(rich_help_panel=SYSTEM)
def version(output: Output) -> None:
    """Show the version."""
    output.show({"version": _version()}, lambda found: found["version"])


def _version() -> str:
    from importlib import metadata

    return metadata.version("aeon-jobs")


def main() -> None:
    """The entry point."""
    _open_closed_streams()
    try:
        _refuse_invalid_text(sys.argv)
        app(prog_name="aeon-jobs")
    except BrokenPipeError:
        _abandon_stdout()
        sys.exit(Exit.FAILED)
    except Exception as fault:
        known = classify(fault)
        if known is None:
            raise
        code, message = known
        command = sys.argv[1] if len(sys.argv) > 1 else ""
        report_fatal(command, message) if command in LOGGING else error(message)
        if isinstance(fault, OSError):
            _abandon_stdout()
        sys.exit(code)


def _open_closed_streams() -> None:
    """After ``>&-`` Python has no stdout object; libraries expect one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - open until the process ends


def _refuse_invalid_text(arguments: Sequence[str]) -> None:
    """
    Raises:
        InvalidInput: an argument is not UTF-8. PostgreSQL and JSON cannot store it.
    """
    for number, argument in enumerate(arguments[1:], 1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise InvalidInput(f"argument {number}: is not UTF-8 text") from None


def _abandon_stdout() -> None:
    """The reader of stdout is gone, or the disk is full: Python must not flush the rest when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
