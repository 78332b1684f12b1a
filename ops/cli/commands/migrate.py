"""`aeon-jobs migrate`: the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aeon_jobs.ops.cli.environment import database
from aeon_jobs.ops.cli.exit_codes import Exit
from aeon_jobs.ops.cli.group import CommandGroup
from aeon_jobs.ops.cli.input.prompts import confirm
from aeon_jobs.ops.cli.output.console import Output
from aeon_jobs.ops.cli.output.tables import Column, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from aeon_jobs.persistence.core.database import Database
    from aeon_jobs.persistence.core.migrate import Status

app = CommandGroup(help="Bring the database schema up, down, or show where it is.")


@app.command()
def up(
    output: Output,
    target: Annotated[int | None, typer.Option(min=0, help="Stop after this version; default: the newest.")] = None,
) -> None:
    """Apply missing migrations, and register the built-in job types."""
    from aeon_jobs.persistence.core import migrate

    done = migrate.up(database(), target)
    if target is None:
        _register_built_ins(database())
    output.show({"applied": done}, lambda _: "\n".join(f"applied {label}" for label in done) or "nothing to do")


@app.command()
def down(
    output: Output,
    target: Annotated[int, typer.Option(min=0, help="Roll back every migration above this version; 0 is all.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Roll migrations back. Their tables are dropped, with all data."""
    from aeon_jobs.persistence.core import migrate

    if not yes:
        confirm(f"Roll back everything above version {target}, data included?")
    done = migrate.down(database(), target)
    output.show({"rolled_back": done}, lambda _: "\n".join(f"rolled back {label}" for label in done) or "nothing to do")


@app.command()
def status(output: Output) -> None:
    """Show every migration and its time. Exit code 1 when one is missing or has changed."""
    from aeon_jobs.persistence.core import migrate

    entries = migrate.status(database())
    output.show([_plain(entry) for entry in entries], lambda _: _drawn(entries))
    if any(entry.changed or not entry.applied_at for entry in entries):
        raise typer.Exit(Exit.FAILED)


def _register_built_ins(database: Database) -> None:
    """Jobs can be submitted before the first worker starts."""
    import aeon_jobs.actors  # noqa: F401 (declares the built-in job types)
    from aeon_jobs.middleware.job import broker
    from aeon_jobs.persistence.queue import job_types

    with database.connection() as connection:
        job_types.register(connection, list(broker().definitions.values()))


def _plain(entry: Status) -> dict[str, object]:
    return {"migration": entry.migration.label, "applied_at": entry.applied_at, "changed": entry.changed}


def _drawn(entries: list[Status]) -> RenderableType:
    rows = [(e.migration.label, e.applied_at or "missing", "changed since" if e.changed else "") for e in entries]
    return table((Column("migration"), Column("applied at"), Column("")), rows)
