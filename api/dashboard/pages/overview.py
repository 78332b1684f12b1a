"""How the whole system does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aeon_jobs.api.dashboard.page import Action, Ask, Page
from aeon_jobs.api.service import Jobs


def read(jobs: Jobs, ask: Ask) -> Mapping[str, Any]:
    """The state of now, and of the last day."""
    metrics = jobs.metrics()
    return {"metrics": metrics, "queues": jobs.queues()}


overview = Page(path="/", title="Overview", template="overview.html", read=read, menu=True)
pages = [overview]
actions: list[Action] = []
