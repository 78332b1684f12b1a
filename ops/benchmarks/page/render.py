"""The page from its template. Placeholders:

{{machine}}                     what it was measured on
{{table drain}}                 all figures of a measurement
{{value drain: no-op jobs}}     one figure
{{rivals}}                      values by system
{{ratios}}                      ours ÷ theirs
"""

from __future__ import annotations

import re
from importlib import resources

from aeon_jobs.ops.benchmarks.figure import Figure
from aeon_jobs.ops.benchmarks.report import floor, number, value
from aeon_jobs.ops.benchmarks.results import Results

RIVALS = "rivals"
_PLACEHOLDER = re.compile(r"\{\{(?P<what>\w+)(?: (?P<measurement>\w+)(?:: (?P<name>[^}]+))?)?\}\}")
_MARKS = {True: "✓", False: "✗", None: ""}


class MissingFigures(Exception):
    """The template asks for figures that the run did not measure; the message names them."""


def template() -> str:
    return resources.files("aeon_jobs.ops.benchmarks.page").joinpath("template.md").read_text()


def page(results: Results, text: str | None = None) -> str:
    """
    Raises:
        MissingFigures: names every placeholder without figures.
    """
    missing: list[str] = []

    def fill(found: re.Match[str]) -> str:
        try:
            return _filled(results, found["what"], found["measurement"], found["name"])
        except KeyError:
            missing.append(found[0])
            return ""

    filled = _PLACEHOLDER.sub(fill, template() if text is None else text)
    if missing:
        raise MissingFigures(f"not measured: {', '.join(missing)}")
    return filled


def _filled(results: Results, what: str, measurement: str | None, name: str | None) -> str:
    if what == "machine":
        return _machine(results)
    if what == "table":
        return _table(results.figures[measurement or ""])
    if what == "value":
        return value({figure.name: figure for figure in results.figures[measurement or ""]}[name or ""])
    return {"rivals": _rivals, "ratios": _ratios}[what](results.figures[RIVALS])


def _machine(results: Results) -> str:
    names = {"memory_gb": "GB of memory", "fsync_ms": "ms for an fsync", "load": "load before the run"}
    return ", ".join(
        f"{each} {names[name]}" if name in names else f"{name} {each}" for name, each in results.machine.items()
    )


def _table(figures: list[Figure]) -> str:
    rows = [f"| {each.name} | {value(each)} | {floor(each)} | {_MARKS[each.holds]} |" for each in figures]
    return "\n".join(["| | measured | floor | |", "|---|---|---|---|", *rows])


def _rivals(figures: list[Figure]) -> str:
    """A row per value, a column per system."""
    by_name = {tuple(figure.name.split(": ")): figure for figure in figures if ": " in figure.name}
    systems = list(dict.fromkeys(system for system, _ in by_name))
    rows = [
        [f"{what}, {figure.unit}", *(_cell(by_name.get((system, what))) for system in systems)]
        for (system, what), figure in by_name.items()
        if system == systems[0]
    ]
    return _grid(["", *systems], rows)


def _ratios(figures: list[Figure]) -> str:
    """A row per value, a column per rival, with the floors."""
    by_name = {tuple(figure.name.split(" ÷ ")): figure for figure in figures if " ÷ " in figure.name}
    rivals = list(dict.fromkeys(rival for _, rival in by_name))
    values = dict.fromkeys(what for what, _ in by_name)
    rows = [[what, *(_ratio(by_name[what, rival]) for rival in rivals)] for what in values]
    return _grid(["aeon-jobs ÷", *rivals], rows)


def _grid(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def _cell(figure: Figure | None) -> str:
    return "-" if figure is None else number(figure.value)


def _ratio(figure: Figure) -> str:
    return (
        f"{number(figure.value)} (floor {number(figure.at_least)}) {_MARKS[figure.holds]}"
        if figure.at_least
        else _cell(figure)
    )
