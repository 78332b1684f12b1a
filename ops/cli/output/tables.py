"""Tables that fit the terminal: one row is one line.

1. If everything fits, everything is shown.
2. Else ids and times become short, and text columns become narrower.
3. Else columns are dropped, the least important first. A line below the table names them.

Where there is no terminal (a file, a pipe), the width has no limit: nothing is dropped, nothing is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from aeon_jobs.ops.cli.output.values import cell

GAP = 2
"""Blank characters between columns."""
SHORT_ID = 18
"""Characters of a short id: the first half of a UUIDv7, which is its time in milliseconds and 12 random bits."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    rank: int = 0
    """0: is always shown. The column with the highest rank is dropped first."""
    least: int | None = None
    """Characters that are still worth reading: the text may be cut to so many. None: it is never cut."""


@dataclass(slots=True)
class _Shown:
    column: Column
    cells: list[Text]
    width: int

    @property
    def narrowest(self) -> int:
        return self.width if self.column.least is None else min(self.width, self.column.least)


class FittingTable:
    """Rows under columns, in the width that the console has."""

    def __init__(self, columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
        self._columns = columns
        self._rows = [tuple(row) for row in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        width = options.max_width
        shown = self._shown(short=False)
        if _needed(shown) > width:
            shown = self._shown(short=True)
        dropped = _drop(shown, width)
        _narrow(shown, width)
        yield _drawn(shown)
        if dropped:
            yield Text(f"not shown: {', '.join(dropped)}", "dim", overflow="ellipsis", no_wrap=True)

    def _shown(self, *, short: bool) -> list[_Shown]:
        found = []
        for number, column in enumerate(self._columns):
            values = [row[number] for row in self._rows]
            cells = [cell(value) for value in (shortened(values) if short else values)]
            width = max(len(column.name), *(text.cell_len for text in cells))
            found.append(_Shown(column, cells, width))
        return found


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]], *, nothing: str = "none") -> RenderableType:
    """Rows under columns; `nothing` when there are none."""
    found = list(rows)
    return Group(FittingTable(columns, found)) if found else Text(nothing, "dim")


def shortened(values: Sequence[object]) -> list[object]:
    """Times without year and seconds; ids cut to the first characters that still tell them apart."""
    return [f"{v.astimezone():%m-%d %H:%M}" if isinstance(v, datetime) else v for v in _short_ids(values)]


def _short_ids(values: Sequence[object]) -> list[object]:
    whole = {str(value) for value in values if isinstance(value, UUID)}
    length = next((n for n in range(SHORT_ID, 36) if len({text[:n] for text in whole}) == len(whole)), 36)
    return [str(value)[:length] if isinstance(value, UUID) else value for value in values]


def _needed(shown: Sequence[_Shown], *, narrow: bool = False) -> int:
    widths = [entry.narrowest if narrow else entry.width for entry in shown]
    return sum(widths) + GAP * (len(widths) - 1)


def _drop(shown: list[_Shown], width: int) -> list[str]:
    """Take away the columns that do not fit; returns their names."""
    dropped = []
    while _needed(shown, narrow=True) > width:
        least = max(shown, key=lambda entry: entry.column.rank)
        if not least.column.rank:
            break
        shown.remove(least)
        if any(text.plain.strip("-") for text in least.cells):
            dropped.append(least.column.name)
    return dropped


def _narrow(shown: Sequence[_Shown], width: int) -> None:
    """Make the widest column that may be cut narrower, until the rest fits."""
    while (excess := _needed(shown) - width) > 0:
        widest = max(shown, key=lambda entry: (entry.width > entry.narrowest, entry.width))
        if widest.width <= 1:
            return
        widest.width = max(widest.width - excess, min(widest.narrowest, widest.width - 1))


def _drawn(shown: Sequence[_Shown]) -> Table:
    drawn = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for entry in shown:
        drawn.add_column(entry.column.name, no_wrap=True, overflow="ellipsis", width=entry.width)
    for row in zip(*(entry.cells for entry in shown), strict=True):
        drawn.add_row(*row)
    return drawn
