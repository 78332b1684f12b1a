"""The commands for whoever runs `aeon-jobs up`: its variables, its mails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import RenderableType

from aeon_jobs.ops.cli.commands.processes import DATA_DIR, DataDir
from aeon_jobs.ops.cli.output.console import Output
from aeon_jobs.ops.cli.output.tables import Column, table
from aeon_jobs.ops.mails import RECIPIENTS, Mail, MailFolder

MAILS = (
    Column("number"),
    Column("received", rank=1),
    Column("from", rank=2, least=16),
    Column("to", least=16),
    Column("subject", least=16),
)


def env(output: Output, data_dir: DataDir = DATA_DIR) -> None:
    """Print the variables that other programs need to use a running `up`: eval "$(aeon-jobs env)"."""
    from aeon_jobs.ops import environment_file

    output.show(environment_file.of_running(data_dir.absolute()), environment_file.as_commands)


def mails(
    output: Output,
    number: Annotated[int | None, typer.Argument(help="Show this mail whole.")] = None,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Show the mails that the mail server of `up` has received."""
    from aeon_jobs.ops.local_services import mail_folder

    folder = MailFolder(mail_folder(data_dir.absolute()))
    if number is None:
        found = folder.all()
        output.show([_fields(mail) for mail in found], lambda _: _list(found))
    else:
        mail = folder.get(number)
        output.show(_fields(mail) | {"text": mail.text}, lambda _: f"{mail.message}")


def _fields(mail: Mail) -> dict[str, object]:
    headers = {"from": mail.message["From"], "to": mail.message[RECIPIENTS], "subject": mail.message["Subject"]}
    return {"number": mail.number, "received_at": mail.received_at} | {
        name: str(value) for name, value in headers.items()
    }


def _list(mails: Sequence[Mail]) -> RenderableType:
    rows = [list(_fields(mail).values()) for mail in mails]
    return table(MAILS, rows, nothing="no mails")
