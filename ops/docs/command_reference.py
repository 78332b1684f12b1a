"""docs page reference/commands.md: every command with its arguments and options, from the typer application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from aeon_jobs.ops.cli import app
from aeon_jobs.ops.docs.markdown import code, table

_INTRODUCTION = """# Commands

Every command with its arguments and options, made from the program itself. [Command line](../cli.md) explains how to use them.

"""


def page() -> str:
    return _INTRODUCTION + "".join(_section(*entry) for entry in commands(typer.main.get_command(app)))


def commands(group: Any, path: str = "aeon-jobs") -> Iterator[tuple[str, Any]]:
    """(its whole name, command) of each, by name."""
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _section(name: str, command: Any) -> str:
    rows = [_row(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
    return f"## {name}\n\n{command.help}\n\n" + table(["argument or option", "meaning", "default"], rows)


def _row(parameter: Any) -> tuple[str, str, str]:
    is_option = parameter.param_type_name == "option"
    names = [*parameter.opts, *parameter.secondary_opts] if is_option else [parameter.name.upper()]
    value = f" {parameter.metavar}" if is_option and parameter.metavar else ""
    default = parameter.default
    is_shown = not callable(default) and default not in (None, False, "", ())
    shown = code(default) if is_shown else "required" if parameter.required else ""
    return " ".join(code(f"{name}{value}") for name in names), parameter.help or "", shown
