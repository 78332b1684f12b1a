"""`aeon-jobs keys`: API keys."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from aeon_jobs.ops.cli import completion
from aeon_jobs.ops.cli.context import Context
from aeon_jobs.ops.cli.group import CommandGroup
from aeon_jobs.ops.cli.input.ids import beginning_with
from aeon_jobs.ops.cli.input.values import duration, from_now

app = CommandGroup(help="API keys: create, list, revoke.")


class Role(StrEnum):
    VIEWER = "viewer"
    SUBMITTER = "submitter"
    OPERATOR = "operator"
    ADMIN = "admin"


@app.command()
def create(
    context: Context,
    name: Annotated[str, typer.Option(help="Name of its holder; jobs that it submits have it as created_by.")],
    role: Annotated[Role, typer.Option(help="viewer < submitter < operator < admin.")],
    expires_in: Annotated[str | None, typer.Option(metavar="DURATION", help="Such as 90d; never by default.")] = None,
) -> None:
    """Create a key. It is shown only this once, alone on stdout; only its digest is stored."""
    expires_at = from_now(duration(expires_in, "--expires-in"), "--expires-in") if expires_in else None
    made = context.jobs.create_key(name, role.value, expires_at=expires_at)
    context.output.show(made, lambda made: made.key)


@app.command("list")
def list_keys(context: Context) -> None:
    """List all keys, without their secrets."""
    from aeon_jobs.ops.cli.output import formatters

    context.output.show(context.jobs.api_keys(), formatters.key_list)


@app.command()
def revoke(
    context: Context,
    key_id: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="Id, or its first characters; see keys list.", autocompletion=completion.keys
        ),
    ],
) -> None:
    """Revoke a key. After two seconds it works nowhere."""
    key_id = beginning_with(key_id, [key.id for key in context.jobs.api_keys()], "key")
    context.output.show(context.jobs.revoke_key(key_id), lambda key: f"{key.id} ({key.name}) is revoked")
