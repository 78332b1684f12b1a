"""docs/cli.md names every command and every check. `make rehearse-docs` runs the examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis
import typer.main

from aeon_jobs.ops.cli import app
from aeon_jobs.ops.doctor import run_checks
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from tests.docs.pages import blocks

PROCESSES = {"up", "demo", "api", "worker", "dispatcher", "scheduler", "exporter"}
DOCS = Path(__file__).parents[3] / "docs"


def commands(group: Any, path: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}"


def test_every_command_is_in_the_docs() -> None:
    text = (DOCS / "cli.md").read_text()
    missing = [name for name in commands(typer.main.get_command(app)) if not re.search(rf"`{name}\b", text)]
    assert missing == []


def test_every_command_is_run_by_a_block_of_the_docs() -> None:
    """`make rehearse-docs` runs the blocks as they stand."""
    pages = ("docs/cli.md", *(f"docs/guides/{name}.md" for name in ("batches", "limits", "workflows")))
    run = " ".join(
        block.code for page in pages for block in blocks(page) if block.language == "sh" and not block.not_run
    )
    elsewhere = {*PROCESSES, "env", "mails", "migrate down"}
    missing = [name for name in commands(typer.main.get_command(app)) if f"aeon-jobs {name}" not in run]
    assert set(missing) <= elsewhere


def test_every_command_has_help_and_json_where_it_answers() -> None:

    def options(group: Any, path: str = "") -> Iterator[tuple[str, bool, set[str]]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from options(command, f"{path}{name} ")
            else:
                yield (
                    f"{path}{name}",
                    bool(command.help),
                    {opt for parameter in command.params for opt in parameter.opts},
                )

    for name, has_help, found in options(typer.main.get_command(app)):
        assert has_help, name
        assert ("--json" in found) == (name not in PROCESSES), name


def test_every_check_of_the_doctor_is_in_the_docs(
    environment: Settings, database: Database, redis_client: redis.Redis
) -> None:
    text = (DOCS / "cli.md").read_text()
    assert [finding.name for finding in run_checks() if finding.name not in text] == []
