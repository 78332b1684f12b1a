"""Whether a process is well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HealthState = Literal["ok", "degraded", "down"]


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    state: HealthState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    status: HealthState
    checks: list[Check]
