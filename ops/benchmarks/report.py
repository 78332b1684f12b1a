"""Figures as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from aeon_jobs.ops.benchmarks.figure import Figure

_MARKS = {True: "[green]✓[/]", False: "[bold red]✗[/]", None: ""}


def show(console: Console, title: str, figures: Sequence[Figure]) -> None:
    """A table: figure, floor, whether it is met."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("", min_width=52)
    table.add_column("measured", justify="right", min_width=14)
    table.add_column("floor", justify="right", min_width=14)
    table.add_column("")
    for figure in figures:
        measured = f"{_number(figure.value)} {figure.unit}"
        table.add_row(figure.name, measured, _floor(figure), _MARKS[figure.holds])
    console.print(table)
    console.print()


def save(path: Path, machine: dict[str, Any], measured: dict[str, list[Figure]]) -> None:
    """Everything, as JSON."""
    figures = [
        {"measurement": name, **asdict(figure), "holds": figure.holds}
        for name, several in measured.items()
        for figure in several
    ]
    path.write_text(json.dumps({"machine": machine, "figures": figures}, indent=2, ensure_ascii=False) + "\n")


def _floor(figure: Figure) -> str:
    if figure.at_most is not None:
        return f"≤ {_number(figure.at_most)} {figure.unit}"
    return f"≥ {_number(figure.at_least)} {figure.unit}" if figure.at_least is not None else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.3g}"
