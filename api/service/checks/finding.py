"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`error`: jobs do not run, or may be lost. `warning`: that may happen soon, or somebody should look."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


def ok(name: str, detail: str) -> Finding:
    return Finding(name, "ok", detail)


def warning(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name, "warning", detail, remedy)


def error(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name, "error", detail, remedy)


def skipped(name: str, why: str) -> Finding:
    return Finding(name, "skipped", why)


def by_limits(name: str, value: float, limits: tuple[float, float], detail: str, remedy: str) -> Finding:
    """Ok below the first limit, a warning from the first limit on, an error from the second limit on."""
    warn_at, fail_at = limits
    if value >= fail_at:
        return error(name, detail, remedy)
    return warning(name, detail, remedy) if value >= warn_at else ok(name, detail)
