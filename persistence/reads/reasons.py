"""One reason why a job is not running."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reason:
    code: str
    """For programs: ``not_due``, ``waits_for_jobs``, ``queue_paused`` …"""
    message: str
    """For people."""
    details: dict[str, Any] = field(default_factory=dict)
