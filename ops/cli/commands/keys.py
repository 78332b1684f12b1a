"""`aeon-jobs keys`: who may call the API."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from aeon_jobs.ops.cli.desk import Desk
from aeon_jobs.ops.cli.group import CommandGroup
from aeon_jobs.ops.cli.input.values import duration, from_now

app = CommandGroup(help="API keys: who may call.")


class Role(StrEnum):
    VIEWER = "viewer"
    SUBMITTER = "submitter"
    OPERATOR = "operator"
    ADMIN = "admin"


@app.command()
def create(
    desk: Desk,
    name: Annotated[str, typer.Option(help="Of its holder; becomes the created_by of what it submits.")],
    role: Annotated[Role, typer.Option(help="viewer < submitter < operator < admin.")],
    expires_in: Annotated[str | None, typer.Option(metavar="DURATION", help="Such as 90d; never by default.")] = None,
) -> None:
    """Make a key. It is shown this once, alone on stdout; only its digest is stored."""
    expires_at = from_now(duration(expires_in, "--expires-in"), "--expires-in") if expires_in else None
    made = desk.backend.create_key(name, role.value, expires_at=expires_at)
    desk.screen.show(made, lambda made: made.key)


@app.command("list")
def list_keys(desk: Desk) -> None:
    """Every key ever made, never its secret."""
    from aeon_jobs.ops.cli.output import formatters

    desk.screen.show(desk.backend.api_keys(), formatters.key_list)


@app.command()
def revoke(desk: Desk, key_id: Annotated[str, typer.Argument(metavar="ID", help="See: keys list.")]) -> None:
    """End a key. It works nowhere from two seconds after this on."""
    desk.screen.show(desk.backend.revoke_key(key_id), lambda key: f"{key.id} ({key.name}) is revoked")
