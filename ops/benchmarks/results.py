"""What a run measured: the only source of docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from aeon_jobs.ops.benchmarks.figure import Curve, Figure

T = TypeVar("T")
DIGITS = 4
"""Significant digits that are kept: more are noise."""


@dataclass(slots=True)
class Results:
    machine: dict[str, Any]
    figures: dict[str, list[Figure]] = field(default_factory=dict)
    """By measurement."""
    curves: dict[str, list[Curve]] = field(default_factory=dict)

    def add(self, measurement: str, measured: Sequence[Figure | Curve]) -> None:
        if figures := [each for each in measured if isinstance(each, Figure)]:
            self.figures[measurement] = figures
        if curves := [each for each in measured if isinstance(each, Curve)]:
            self.curves[measurement] = curves

    def missed(self) -> list[Figure]:
        """Figures that do not meet their floors."""
        return [figure for figures in self.figures.values() for figure in figures if figure.holds is False]

    def over(self, older: Results) -> Results:
        """These, and the measurements of an older run that were not made again."""
        return Results(self.machine, older.figures | self.figures, older.curves | self.curves)

    def save(self, path: Path) -> None:
        document = {
            "machine": self.machine,
            "figures": [
                {"measurement": name, **asdict(figure), "holds": figure.holds} for name, figure in _named(self.figures)
            ],
            "curves": [{"measurement": name, **asdict(curve)} for name, curve in _named(self.curves)],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_rounded(document), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        document = json.loads(path.read_text())
        results = cls(document["machine"])
        for item in document["figures"]:
            name, _ = item.pop("measurement"), item.pop("holds")
            results.figures.setdefault(name, []).append(Figure(**item | {"samples": tuple(item["samples"])}))
        for item in document["curves"]:
            name, points = item.pop("measurement"), tuple((x, y) for x, y in item.pop("points"))
            results.curves.setdefault(name, []).append(Curve(**item, points=points))
        return results


def _named(several: dict[str, list[T]]) -> Iterable[tuple[str, T]]:
    return ((name, each) for name, items in several.items() for each in items)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, (list, tuple)) else value
