"""The panels as SVG files, drawn from the same queries that Grafana would send."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from aeon_jobs.ops.rehearsals.monitoring.dashboard import Panel, Target
from aeon_jobs.ops.rehearsals.monitoring.prometheus import Prometheus, Series

STYLE: Any = {
    # Text stays text: a tenth of the size, and it can be searched.
    "svg.fonttype": "none",
    "svg.hashsalt": "aeon-jobs",
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "figure.facecolor": "white",
    "path.simplify_threshold": 1.0,
}
SIZE_INCHES = (4.2, 2.4)
UNITS = {"short": "", "s": "s", "ops": "1/s", "percentunit": "%", "bytes": "MB", "Bps": "MB/s"}
FACTORS = {"percentunit": 100, "bytes": 1e-6, "Bps": 1e-6}
MOST_NAMES = 8
POINTS = 75


def draw(prometheus: Prometheus, panels: Sequence[Panel], seconds: float, directory: Path) -> list[Path]:
    """One file per panel: the last `seconds`; returns the files."""
    directory.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        return [_draw(prometheus, panel, seconds, directory / f"{file_name(panel.title)}.svg") for panel in panels]


def file_name(title: str) -> str:
    """Of a panel's picture, without its ending."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _draw(prometheus: Prometheus, panel: Panel, seconds: float, file: Path) -> Path:
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    factor = FACTORS.get(panel.unit, 1)
    named = 0
    for target in panel.targets:
        for series in prometheus.history(target.expression, seconds, points=POINTS):
            began = series.points[-1][0] - seconds
            places = [(moment - began, value * factor) for moment, value in series.points]
            axes.plot(
                *zip(*places, strict=True), linewidth=1, label=_label(target, series) if named < MOST_NAMES else None
            )
            named += 1
    axes.set_title(panel.title, loc="left", fontsize=9)
    axes.set_xlabel("seconds")
    axes.set_ylabel(UNITS[panel.unit])
    axes.set_ylim(bottom=0)
    if any(target.legend for target in panel.targets) and axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=6, frameon=False, ncols=2, loc="upper left")
    figure.savefig(file, metadata={"Date": None})
    # One decimal is a tenth of a point: nobody sees more, and the file is half as long.
    file.write_text(re.sub(r"(\d+\.\d)\d+", r"\1", file.read_text()))
    return file


def _label(target: Target, series: Series) -> str:
    name = re.sub(r"{{(\w+)}}", lambda found: series.labels.get(found[1], ""), target.legend)
    # Ids of workers hold the name of the machine.
    return re.sub(r"^[^:]+:(\d+):\w+$", r"worker \1", name)
