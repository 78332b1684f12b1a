"""`aeon-jobs backup` and `aeon-jobs restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aeon_jobs.ops.cli.commands.options import Yes
from aeon_jobs.ops.cli.environment import database, settings
from aeon_jobs.ops.cli.input.prompts import confirm
from aeon_jobs.ops.cli.output.console import Output


def backup(output: Output, file: Annotated[Path, typer.Argument(help="The file to write.")]) -> None:
    """Write the rows of all our tables to a file, while the system runs. Needs pg_dump."""
    from aeon_jobs.ops.backup.dump import dump

    done = dump(database(), settings().postgres_dsn, file)
    found = {"file": str(done.file), "bytes": done.bytes, "schema_version": done.version}
    output.show(found, lambda _: f"{done.file}: {done.bytes} bytes, schema version {done.version}")


def restore(
    output: Output,
    file: Annotated[Path, typer.Argument(help="A file that backup wrote.")],
    replace: Annotated[bool, typer.Option("--replace", help="Delete the jobs that are in the database.")] = False,
    yes: Yes = False,
) -> None:
    """Fill the database from a backup, and set right what was in motion. Stop all processes first. Needs pg_restore."""
    from aeon_jobs.ops.backup.restore import restore

    if replace and not yes:
        confirm("Delete all jobs, schedules, keys and the rest of our tables, and restore the backup?")
    done = restore(database(), settings().postgres_dsn, file, replace=replace)
    found = {
        "schema_version": done.version,
        "jobs": dict(done.jobs),
        "archived": done.archived,
        "interrupted": done.interrupted,
    }
    counts = ", ".join(f"{count} {status}" for status, count in done.jobs.items()) or "no jobs"
    output.show(
        found,
        lambda _: (
            f"restored: {counts}, {done.archived} archived. {done.interrupted} job(s) ran at the time: they run again"
        ),
    )
