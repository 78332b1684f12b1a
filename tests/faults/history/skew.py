"""A process whose clock is wrong."""

from __future__ import annotations

import os
from pathlib import Path

from tests.group import ROOT


def environment(skew_s: int) -> dict[str, str]:
    """Variables that set the clock of a Python process `skew_s` seconds ahead. Its monotonic clock stays right."""
    if not skew_s:
        return {}
    return {"CLOCK_SKEW_S": str(skew_s), "PYTHONPATH": f"{Path(__file__).parent / 'skewed'}{os.pathsep}{ROOT}"}
