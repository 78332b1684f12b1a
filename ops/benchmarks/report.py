"""Figures and curves on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from aeon_jobs.ops.benchmarks.figure import Curve, Figure

_MARKS = {True: "[green]✓[/]", False: "[bold red]✗[/]", None: ""}


def show(console: Console, title: str, measured: Sequence[Figure | Curve]) -> None:
    """A table: figure, floor, whether it is met. A curve has a line for each of its points."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("", min_width=52)
    table.add_column("measured", justify="right", min_width=14)
    table.add_column("floor", justify="right", min_width=14)
    table.add_column("")
    for each in measured:
        if isinstance(each, Figure):
            table.add_row(each.name, value(each), floor(each), _MARKS[each.holds])
        else:
            for x, y in each.points:
                table.add_row(f"{each.plot}, {each.name}: {each.y} at {number(x)} {each.x}", number(y))
    console.print(table)
    console.print()


def value(figure: Figure) -> str:
    return f"{number(figure.value)} {figure.unit}".rstrip()


def floor(figure: Figure) -> str:
    """With its direction; empty without one."""
    if figure.at_most is not None:
        return f"≤ {number(figure.at_most)} {figure.unit}".rstrip()
    return f"≥ {number(figure.at_least)} {figure.unit}".rstrip() if figure.at_least is not None else ""


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.3g}"
