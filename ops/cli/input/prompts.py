"""Questions of a command. They go to stderr: stdout has only results."""

from __future__ import annotations

import sys

import typer

from aeon_jobs.ops.cli.output.console import err


def confirm(question: str) -> None:
    """
    Raises:
        typer.Abort: the answer is not yes, or there is no answer.
    """
    err.print(f"{question} [y/N] ", end="", markup=False)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise typer.Abort
