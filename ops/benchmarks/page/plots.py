"""Curves as SVG: the same figures give the same file. On white, so that they can be read on a dark page too."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Drawing

from aeon_jobs.ops.benchmarks.figure import Curve, Figure
from aeon_jobs.ops.benchmarks.results import Results

STYLE: Any = {
    # Text stays text: a tenth of the size, and it can be searched.
    "svg.fonttype": "none",
    "svg.hashsalt": "aeon-jobs",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "figure.facecolor": "white",
}
COLORS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea")
SIZE_INCHES = (5.0, 2.9)
LOGARITHMIC = {"backlog", "payload", "latency"}
"""Plots whose places are powers."""
CPU = "CPU per 1,000, "


def save_all(results: Results, directory: Path) -> list[Path]:
    """One file per plot; returns them."""
    directory.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        return [_save(drawing, directory / f"{name}.svg") for name, drawing in _drawings(results)]


def _drawings(results: Results) -> Iterator[tuple[str, Drawing]]:
    curves = sorted((curve for several in results.curves.values() for curve in several), key=lambda curve: curve.plot)
    for plot, several in groupby(curves, key=lambda curve: curve.plot):
        yield plot, _curves(plot, list(several))
    parts = _cpu_by_part(results.figures.get("rivals", []))
    if parts:
        yield "cpu", _bars(parts)


def _curves(plot: str, curves: list[Curve]) -> Drawing:
    drawing, axes = _empty(curves[0].x, curves[0].y)
    for curve, color in zip(curves, COLORS, strict=False):
        marker = "o" if len(curve.points) <= 10 else None
        axes.plot(*zip(*curve.points, strict=True), color=color, marker=marker, markersize=4, label=curve.name)
    places = [x for x, _ in curves[0].points]
    if plot in LOGARITHMIC:
        axes.set_xscale("log")
        axes.minorticks_off()
    if len(places) <= 10:
        axes.set_xticks(places, [f"{place:,.0f}" for place in places])
    axes.set_ylim(bottom=0)
    if len(curves) > 1:
        axes.legend(frameon=False)
    return drawing


def _cpu_by_part(figures: list[Figure]) -> dict[str, dict[str, float]]:
    """Seconds by system, by part."""
    parts: dict[str, dict[str, float]] = {}
    for figure in figures:
        system, found, part = figure.name.partition(f": {CPU}")
        if found:
            parts.setdefault(system, {})[part] = figure.value
    return parts


def _bars(parts: dict[str, dict[str, float]]) -> Drawing:
    drawing, axes = _empty("CPU seconds per 1,000 jobs", "")
    systems = list(parts)[::-1]
    names = dict.fromkeys(part for used in parts.values() for part in used)
    left = [0.0] * len(systems)
    for name, color in zip(names, COLORS, strict=False):
        widths = [parts[system].get(name, 0.0) for system in systems]
        axes.barh(systems, widths, left=left, color=color, label=name, height=0.6)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.grid(visible=False, axis="y")
    axes.legend(frameon=False)
    return drawing


def _empty(x: str, y: str) -> tuple[Drawing, Any]:
    drawing = Drawing(figsize=SIZE_INCHES, layout="constrained")
    axes = drawing.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_axisbelow(True)
    return drawing, axes


def _save(drawing: Drawing, path: Path) -> Path:
    drawing.savefig(path, metadata={"Date": None})
    # matplotlib leaves spaces at the ends of lines.
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")
    return path
