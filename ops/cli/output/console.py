"""Where output goes: results to stdout, everything else to stderr. With --json, stdout has JSON and nothing else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from aeon_jobs.ops.cli.output.values import cell, clean

T = TypeVar("T")
NO_LIMIT = 10_000
"""The width of a file or a pipe: whoever reads it wants whole lines."""

err = Console(stderr=True, highlight=False)


def stdout_console(no_terminal: int = NO_LIMIT) -> Console:
    """stdout, as wide as the terminal or COLUMNS; where there is neither, `no_terminal` characters wide."""
    has_width = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Console(highlight=False, width=None if has_width else no_terminal)


class Output:
    """What a command shows: for people, or as JSON for programs."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._out = stdout_console()
        self.console = err if as_json else self._out
        """For what is not the result."""

    def show(self, value: T, render: Callable[[T], RenderableType]) -> None:
        """Show the result of a command; `render` makes it readable for people."""
        if self.as_json:
            write_json(value)
            return
        rendered = render(value)
        if isinstance(rendered, str):
            self._out.print(Text(clean(rendered)), soft_wrap=True)
        else:
            self._out.print(rendered, crop=False)

    def say(self, text: str, style: str = "") -> None:
        """Show a remark to people."""
        self.console.print(Text(clean(text), style), soft_wrap=True)

    def say_more(self, cursor: str | None) -> None:
        """Show people how a list goes on."""
        if cursor and not self.as_json:
            self.say(f"more: --cursor {cursor}", "dim")

    @contextmanager
    def progress(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """A progress bar on stderr. The function that is given advances it. Without a terminal there is no bar."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.advance(task, done)


def error(message: str) -> None:
    """Show an error on stderr, in one line."""
    err.print(f"error: {clean(' '.join(message.split()))}", style="red", markup=False, soft_wrap=True)


def warning(message: str) -> None:
    """Show a warning on stderr, in one line."""
    err.print(f"warning: {clean(message)}", style="yellow", markup=False, soft_wrap=True)


def note(message: str) -> None:
    """Show a remark on stderr."""
    # Without rich: Ctrl-C in the middle of its output would have it written twice.
    print(clean(message), file=sys.stderr, flush=True)


def write_json(value: Any, indent: int | None = 2) -> None:
    import msgspec

    sys.stdout.write(json.dumps(msgspec.to_builtins(value), indent=indent, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def field_list(pairs: Iterable[tuple[str, object]]) -> RenderableType:
    """Names and values, one pair per line; an unknown value is left out."""
    drawn = Table.grid(padding=(0, 2))
    drawn.add_column(style="bold", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", [], {}):
            drawn.add_row(name, cell(value))
    return drawn
