"""A process whose clock is wrong: by libfaketime where it is installed, else for Python's time.time() alone."""

from __future__ import annotations

import os
from pathlib import Path

from tests.group import ROOT

LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
)


def environment(skew_s: int) -> dict[str, str]:
    """What a process needs in its environment to be `skew_s` seconds ahead. Its monotonic clock stays right."""
    if not skew_s:
        return {}
    if library := _library():
        return {
            "LD_PRELOAD": library,
            "FAKETIME": f"{skew_s:+d}",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",
        }
    return {"CLOCK_SKEW_S": str(skew_s), "PYTHONPATH": f"{Path(__file__).parent / 'skewed'}{os.pathsep}{ROOT}"}


def _library() -> str | None:
    """LIBFAKETIME names one that is not installed where Debian has it."""
    places = (os.environ.get("LIBFAKETIME", ""), *LIBRARIES)
    return next((place for place in places if place and Path(place).exists()), None)
