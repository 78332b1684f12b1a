"""The command line: `aeon-jobs`, or `python -m ops`.

Exit codes: 0 done, 1 it failed (one line on stderr says why), 2 wrong usage or settings.
Imports are made inside the commands, so that --help is quick and no command loads another's machinery.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from persistence.errors import JobsError, SettingsError

if TYPE_CHECKING:
    from persistence.database import Database
    from persistence.settings import Settings

FAILED, MISUSED = 1, 2

app = typer.Typer(
    name="aeon-jobs",
    help="Jobs that are never lost: PostgreSQL decides, Redis delivers, Dramatiq runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # it shows local variables, secrets among them
)
migrate_app = typer.Typer(help="Bring the database schema up, down, or show where it is.", no_args_is_help=True)
app.add_typer(migrate_app, name="migrate")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def main() -> None:
    """The entry point."""
    try:
        app(prog_name="aeon-jobs")
    except SettingsError as error:
        _leave(error, MISUSED)
    except JobsError as error:
        _leave(error, FAILED)


@app.command()
def up(
    data_dir: Annotated[Path, typer.Option(help="Where the embedded PostgreSQL and Redis keep their data.")] = Path(
        ".aeon-jobs"
    ),
) -> None:
    """Run everything here: PostgreSQL and Redis (unless the environment names some), API, workers."""
    from ops import up as whole

    _warn_of_misspelt_variables()
    whole.up(data_dir.absolute(), out)


@app.command()
def demo() -> None:
    """Show everything at work here: real servers, some 230 jobs, every outcome checked. Leaves nothing behind."""
    try:
        from ops.demo import run as whole
    except ModuleNotFoundError as error:
        if error.name != "aiosmtpd":
            raise
        _leave(JobsError("no SMTP server: install it with pip install 'aeon-jobs[demo]'"), FAILED)
    if not whole.run(out):
        raise typer.Exit(FAILED)


@app.command()
def api() -> None:
    """Run the HTTP API."""
    import uvicorn

    settings = _settings()
    _log_as("api", settings)
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=settings.api_host,
        port=settings.api_port,
        timeout_graceful_shutdown=5,
        log_config=None,
    )


@app.command()
def worker(
    modules: Annotated[
        list[str] | None,
        typer.Argument(help="Modules with job types of your own, next to the built-in ones."),
    ] = None,
) -> None:
    """Run jobs: WORKER_PROCESSES processes of WORKER_CONCURRENCY threads each."""
    from ops import worker as dramatiq_group

    settings = _settings()
    if not settings.worker_enabled:
        err.print("WORKER_ENABLED=false: no worker here")
        return
    dramatiq_group.become(settings, modules or [])


@app.command()
def dispatcher() -> None:
    """Hand ready jobs to the workers and repair what crashes leave behind. Any number of them may run."""
    _log_as("dispatcher", _settings())
    from ops import dispatcher as process

    process.run()


@app.command()
def scheduler() -> None:
    """Tick the schedules. Any number of them may run."""
    _log_as("scheduler", _settings())
    from ops import scheduler as process

    process.run()


@app.command()
def version() -> None:
    """Show the version."""
    from importlib import metadata

    out.print(metadata.version("aeon-jobs"))


@migrate_app.command("up")
def migrate_up(
    target: Annotated[int | None, typer.Option(help="Stop after this version; default: the newest.")] = None,
) -> None:
    """Apply the migrations that are missing."""
    from persistence import migrate

    done = migrate.up(_database(), target)
    out.print("\n".join(f"applied {label}" for label in done) or "nothing to do")


@migrate_app.command("down")
def migrate_down(
    target: Annotated[int, typer.Option(help="Roll back every migration above this version; 0 is all.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Roll migrations back. What they created is dropped, with the data in it."""
    from persistence import migrate

    if not yes:
        typer.confirm(f"Roll back everything above version {target}, data included?", abort=True)
    done = migrate.down(_database(), target)
    out.print("\n".join(f"rolled back {label}" for label in done) or "nothing to do")


@migrate_app.command("status")
def migrate_status() -> None:
    """Show every migration and when it was applied. Exit code 1 when one is missing or has changed."""
    from rich.table import Table

    from persistence import migrate

    entries = migrate.status(_database())
    table = Table("migration", "applied at", "", box=None)
    for entry in entries:
        applied = f"{entry.applied_at:%Y-%m-%d %H:%M:%S %Z}" if entry.applied_at else "missing"
        table.add_row(entry.migration.label, applied, "changed since" if entry.changed else "")
    out.print(table)
    if any(entry.changed or not entry.applied_at for entry in entries):
        raise typer.Exit(FAILED)


def _settings() -> Settings:
    from persistence.settings import get_settings

    _warn_of_misspelt_variables()
    return get_settings()


def _log_as(process: str, settings: Settings) -> None:
    from middleware.logging import configure_logging

    configure_logging(settings, process)


def _database() -> Database:
    from persistence.database import get_database

    _settings()
    return get_database()


def _warn_of_misspelt_variables() -> None:
    from persistence.settings import misspelt

    for name, meant in misspelt(os.environ).items():
        err.print(f"warning: {name} is not a setting; did you mean {meant}?", style="yellow")


def _leave(error: JobsError, code: int) -> NoReturn:
    err.print(f"error: {' '.join(str(error).split())}", style="red", markup=False, soft_wrap=True)
    sys.exit(code)
