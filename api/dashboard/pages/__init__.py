"""The pages of the dashboard. The order of PAGES is the order of the menu."""

from __future__ import annotations

from aeon_jobs.api.dashboard.page import Routes
from aeon_jobs.api.dashboard.pages import (
    audit,
    bulk_changes,
    dead_letters,
    failures,
    job,
    job_types,
    jobs,
    overview,
    queues,
    schedules,
    system,
    workers,
    workflows,
)

_MODULES = (
    overview,
    jobs,
    job,
    failures,
    dead_letters,
    bulk_changes,
    queues,
    workers,
    schedules,
    workflows,
    job_types,
    audit,
    system,
)
"""Each has `pages` and `actions`."""
ROUTES = Routes(
    [page for module in _MODULES for page in module.pages], [action for module in _MODULES for action in module.actions]
)
