"""The commands that become a process of the system, or run it whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aeon_jobs.ops import process
from aeon_jobs.ops.cli.environment import log_as, settings_for, warn_of_misspelt_variables
from aeon_jobs.ops.cli.exit_codes import Exit, InvalidInput
from aeon_jobs.ops.cli.output.console import err, stdout_console

DATA_DIR = Path(".aeon-jobs")
PIPE_WIDTH = 220
"""Characters of a line where there is no terminal."""

DataDir = Annotated[Path, typer.Option(help="The data directory of `up`.")]


def up(
    modules: Annotated[
        list[str] | None, typer.Argument(help="Modules with job types of your own, beside the built-in ones.")
    ] = None,
    data_dir: Annotated[Path, typer.Option(help="Where everything is kept: databases, keys, mails.")] = DATA_DIR,
    reload: Annotated[
        bool, typer.Option("--reload", help="For development: restart the workers when a file of the modules changes.")
    ] = False,
    open_dashboard: Annotated[bool, typer.Option("--open", help="Show the dashboard in a browser.")] = False,
) -> None:
    """Run everything here: PostgreSQL and Redis (unless the environment names some), API, workers."""
    from aeon_jobs.ops import up as system

    warn_of_misspelt_variables()
    if reload and not modules:
        raise InvalidInput("--reload: name the modules whose files are watched, such as: aeon-jobs up shop --reload")
    options = system.Options(data_dir.absolute(), modules or [], reload, open_dashboard)
    system.up(options, stdout_console(PIPE_WIDTH))


def demo() -> None:
    """Show everything at work here: real servers, some 230 jobs, every outcome checked. Leaves nothing behind."""
    from aeon_jobs.ops.demo import run as whole

    if not whole.run(stdout_console(PIPE_WIDTH)):
        raise typer.Exit(Exit.FAILED)


def api() -> None:
    """Run the HTTP API."""
    found = settings_for("api")
    log_as("api")
    from aeon_jobs.api.server import run as server

    server.run(found)


def worker(
    modules: Annotated[
        list[str] | None,
        typer.Argument(help="Modules with job types of your own, next to the built-in ones."),
    ] = None,
) -> None:
    """Run jobs: WORKER_PROCESSES processes of WORKER_CONCURRENCY threads each."""
    from aeon_jobs.ops import worker as group

    found = settings_for("worker")
    if not found.worker_enabled:
        err.print("WORKER_ENABLED=false: no worker here")
        return
    process.become(group.command(found, modules or []))


def dispatcher() -> None:
    """Hand ready jobs to the workers and repair what crashes leave behind. Any number of them may run."""
    settings_for("dispatcher")
    process.become(process.command("dispatcher"))


def scheduler() -> None:
    """Tick the schedules. Any number of them may run."""
    settings_for("scheduler")
    process.become(process.command("scheduler"))


def exporter() -> None:
    """Serve the metrics of the whole system to Prometheus, on METRICS_PORT and without a key."""
    found = settings_for("exporter")
    if not found.monitoring_enabled:
        err.print("MONITORING_ENABLED=false: no exporter here")
        return
    log_as("exporter")
    from aeon_jobs.ops import exporter as server

    server.run(found)
