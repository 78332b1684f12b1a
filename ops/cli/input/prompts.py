"""Are you sure? Asked on stderr, so that stdout holds results alone."""

from __future__ import annotations

import sys

import typer

from aeon_jobs.ops.cli.output.console import err


def confirm(question: str) -> None:
    """
    Raises:
        typer.Abort: the answer is not yes; or there is nobody to give one.
    """
    err.print(f"{question} [y/N] ", end="", markup=False)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise typer.Abort
