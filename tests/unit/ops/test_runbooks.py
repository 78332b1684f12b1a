"""Every page of docs/runbooks belongs to an alert, and names only commands that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer.main
import yaml

from aeon_jobs.ops.cli import app
from tests.docs.pages import ROOT, anchors
from tests.unit.ops.test_alerts import ALERTS

PAGES = sorted((ROOT / "docs/runbooks").glob("*.md"))
SERVICES = set(yaml.safe_load((ROOT / "compose.yaml").read_text())["services"])
PROGRAMS = {"aeon-jobs", "docker", "curl", "redis-cli"}


def test_every_page_belongs_to_an_alert() -> None:
    assert {page.stem for page in PAGES} == set(ALERTS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_what_it_means_what_to_do_and_how_to_verify(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"^#+ .*", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE) == [
        f"# {page.stem}",
        "## Causes",
        "## Look",
        "## Do",
        "## Verify",
    ]
    rule = ALERTS[page.stem]
    assert f"| {rule['labels']['severity']} | {rule['for']} |" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve()
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_a_page_exist(page: Path) -> None:
    for words in _commands(page):
        program, arguments = words[0], words[1:]
        assert program in PROGRAMS, words
        if program == "aeon-jobs":
            _parse(arguments)
        if program == "docker":
            assert arguments[0] == "compose", words
            named = {word for word in arguments[2:] if re.fullmatch(r"[a-z][a-z-]+", word)}
            assert named <= SERVICES, words


def _commands(page: Path) -> Iterator[list[str]]:
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
        for line in block.splitlines():
            inner = re.fullmatch(r"\w+=\$\((.*)\)", line.split(" #")[0].strip())
            yield shlex.split((inner[1] if inner else line).split(" | ")[0], comments=True)


def _parse(arguments: list[str]) -> None:
    """Read the command line as the program does; run nothing.

    Raises:
        click.UsageError
    """
    command: click.Command = typer.main.get_command(app)  # type: ignore[assignment]
    words = [re.sub(r"\$\w+", "1", word) for word in arguments]
    while hasattr(command, "commands"):
        name = words.pop(0)
        assert name in command.commands, arguments
        command = command.commands[name]
    with command.make_context("aeon-jobs", words):
        pass
