"""What is shown: tables for people, JSON for programs. With --json nothing else is written to stdout.

What comes out of the database is shown as text: no markup of rich's, no control characters that a terminal obeys.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

T = TypeVar("T")
_WIDE = 220
"""A file or a pipe has no width: ids in it are not cut off."""

err = Console(stderr=True, highlight=False)
out = Console(highlight=False, width=None if sys.stdout and sys.stdout.isatty() else _WIDE)

STYLES = {
    "completed": "green",
    "running": "cyan",
    "queued": "cyan",
    "failed": "red",
    "cancelled": "yellow",
    "lost": "red",
    "ok": "green",
    "warning": "yellow",
    "error": "bold red",
    "skipped": "dim",
}


class Output:
    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.console = err if as_json else out
        """Where people look: what is no result may go here."""

    def show(self, value: T, draw: Callable[[T], RenderableType]) -> None:
        """The result of a command."""
        if self.as_json:
            write_json(value)
        else:
            drawn = draw(value)
            if isinstance(drawn, str):
                out.print(Text(clean(drawn)), soft_wrap=True)
            else:
                out.print(drawn)

    def say(self, text: str, style: str = "") -> None:
        """A remark, for people alone."""
        self.console.print(Text(clean(text), style), soft_wrap=True)

    @contextmanager
    def progress(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """A bar on stderr that is advanced by calling what is given; nothing where nobody looks."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.advance(task, done)


def write_json(value: Any, indent: int | None = 2) -> None:
    import msgspec

    sys.stdout.write(json.dumps(msgspec.to_builtins(value), indent=indent, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, nothing: str = "none") -> RenderableType:
    """Rows under columns; `nothing` when there are none."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        drawn.add_column(name, overflow="fold", no_wrap=name == "id")
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 - counted, not used inside
        drawn.add_row(*(cell(value) for value in row))
    return drawn if count else Text(nothing, "dim")


def field_list(pairs: Iterable[tuple[str, object]]) -> RenderableType:
    """Names and values, one below the other; what is unknown is left out."""
    drawn = Table.grid(padding=(0, 2))
    drawn.add_column(style="bold", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", [], {}):
            drawn.add_row(name, cell(value))
    return drawn


def cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    text = clean(as_text(value))
    return Text(text, STYLES.get(text, ""))


def as_text(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
        case float():
            return f"{value:.3g}"
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return ", ".join(as_text(item) for item in value)
    return str(value)


def clean(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(character if character.isprintable() or character in "\n\t" else "·" for character in text)


def shorten(text: str | None, most: int = 80) -> str | None:
    """The first line, cut where it becomes too long for a table."""
    if not text:
        return None
    line = text.strip().partition("\n")[0]
    return line if len(line) <= most else f"{line[: most - 1]}…"
