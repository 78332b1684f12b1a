"""docs/cli.md and docs/client.md hold: every command and check is named there, every example runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import typer.main

from aeon_jobs.ops.cli import app
from aeon_jobs.ops.doctor import run_checks
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from tests.api_server import running_api
from tests.rows import rows, value

DOCS = Path(__file__).parents[3] / "docs"


def examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / "client.md").read_text(), re.DOTALL)


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


def test_every_command_has_help_and_json_where_it_answers() -> None:
    processes = {"up", "demo", "api", "worker", "dispatcher", "scheduler"}

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
        assert ("--json" in found) == (name not in processes), name


def test_every_check_of_the_doctor_is_in_the_docs(
    environment: Settings, database: Database, redis_client: redis.Redis
) -> None:
    text = (DOCS / "cli.md").read_text()
    assert [finding.name for finding in run_checks() if finding.name not in text] == []


@pytest.mark.parametrize("number", range(3))
def test_the_examples_run_as_they_stand(
    number: int, environment: Settings, database: Database, redis_client: redis.Redis
) -> None:
    example = examples()[number]
    rows(database, "CREATE TABLE orders (id integer GENERATED ALWAYS AS IDENTITY, customer text)")
    _register_built_ins()
    with database.transaction() as connection:
        key = api_keys.create(connection, "docs", "operator")
    with running_api(environment) as server:
        environ = {**os.environ, "AEON_JOBS_API": server.address, "AEON_JOBS_API_KEY": key}
        done = subprocess.run(
            [sys.executable, "-c", example], capture_output=True, text=True, env=environ, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    assert value(database, "SELECT count(*) FROM jobs") == (3 if "AsyncClient" in example else 1)


def test_there_are_as_many_examples_as_are_run() -> None:
    assert len(examples()) == 3
    recipe = examples()[0].strip().splitlines()
    assert len([line for line in recipe if line.strip()]) <= 20


def _register_built_ins() -> None:
    subprocess.run(
        [sys.executable, "-P", "-m", "aeon_jobs", "migrate", "up"], env=os.environ, check=True, capture_output=True
    )
