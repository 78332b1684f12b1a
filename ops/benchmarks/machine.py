"""What the figures were measured on: without it they have no meaning."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

import psutil

from aeon_jobs.ops.benchmarks.figure import percentile


def machine(directory: Path) -> dict[str, Any]:
    """`load` is the average of the last minute before the run: work of other programs."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "fsync_ms": round(_fsync_ms(directory), 3),
        "load": round(os.getloadavg()[0], 1),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _fsync_ms(directory: Path) -> float:
    """The median of 50 appends of one page."""
    taken = []
    path = directory / "fsync"
    with path.open("wb", buffering=0) as file:
        for _ in range(50):
            began = time.perf_counter()
            file.write(bytes(8_192))
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    path.unlink()
    return percentile(taken, 50) * 1_000
