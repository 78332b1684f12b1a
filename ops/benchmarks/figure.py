"""One measured number, and many along a curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    name: str
    value: float
    unit: str
    at_most: float | None = None
    """The floor of the specification, for values that should be small."""
    at_least: float | None = None
    samples: tuple[float, ...] = ()
    """What the value is the median of, where it was measured more than once."""

    @property
    def holds(self) -> bool | None:
        """Whether the floor is met; None without one."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return self.value >= self.at_least if self.at_least is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Values of `y` at places of `x`. Curves of the same plot share their axes."""

    plot: str
    name: str
    x: str
    """What it depends on, with the unit."""
    y: str
    points: tuple[tuple[float, float], ...]


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank: always a measured value."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def percentiles(name: str, seconds: Sequence[float], **floors_ms: float) -> list[Figure]:
    """One figure in milliseconds for each of `p50=10, p95=50 …`; a floor of infinity is none."""
    return [
        Figure(
            name=f"{name} {percent}",
            value=percentile(seconds, float(percent[1:])) * 1_000,
            unit="ms",
            at_most=None if math.isinf(floor) else floor,
        )
        for percent, floor in floors_ms.items()
    ]
