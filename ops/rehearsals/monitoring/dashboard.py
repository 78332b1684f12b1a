"""The queries of the dashboard's file, with Grafana's variables filled in."""

from __future__ import annotations

import json
from dataclasses import dataclass

from aeon_jobs.ops.rehearsals.monitoring.configuration import OPS, shortened

RATE_INTERVAL = shortened("5m")


@dataclass(frozen=True, slots=True)
class Target:
    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    unit: str
    targets: tuple[Target, ...]


def panels() -> list[Panel]:
    """Every panel of the file that Grafana loads."""
    found = json.loads((OPS / "grafana/dashboards/aeon-jobs.json").read_text())["panels"]
    return [_panel(panel) for panel in found if panel["type"] != "row"]


def _panel(panel: dict[str, object]) -> Panel:
    targets = tuple(Target(_filled(each["expr"]), each["legendFormat"]) for each in panel["targets"])  # type: ignore[attr-defined]
    return Panel(str(panel["title"]), panel["fieldConfig"]["defaults"]["unit"], targets)  # type: ignore[index]


def _filled(expression: str) -> str:
    return expression.replace("$__rate_interval", RATE_INTERVAL).replace("$system", ".*")
