"""The system below the jobs: what is wrong, and what to do; background tasks, tables, server, migrations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aeon_jobs.api.dashboard.page import Ask, Page
from aeon_jobs.api.service import Jobs


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """Findings that need somebody first."""
    found = jobs.system()
    return {
        "system": found,
        "trouble": sum(finding.status in {"error", "warning"} for finding in found.findings),
        "total_bytes": sum(table.total_bytes for table in found.tables),
        "size": size,
    }


def size(number: float) -> str:
    """Bytes, such as 1.5 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1_024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1_024
    return f"{number:.1f} TiB"


listing = Page(path="/system", title="System", template="system.html", read=read, menu=True)
pages = [listing]
actions: list[Any] = []
