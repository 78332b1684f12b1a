"""Lines over time, for the macro `figure` of parts.html. A script draws them; without it there is a table of the numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Colour = Literal["busy", "good", "bad", "warn", "muted"]


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    colour: Colour
    values: Sequence[float | None]
    """One for each moment; None leaves a gap."""


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    unit: str
    times: Sequence[datetime]
    lines: Sequence[Line]

    @property
    def data(self) -> str:
        """As static/charts.js reads it."""
        series = [{"label": line.label, "colour": line.colour, "values": _rounded(line.values)} for line in self.lines]
        times = [round(at.timestamp()) for at in self.times]
        return json.dumps({"unit": self.unit, "times": times, "series": series}, separators=(",", ":"))

    @property
    def is_empty(self) -> bool:
        return not any(value for line in self.lines for value in line.values)


def _rounded(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else float(f"{value:.4g}") for value in values]
