"""The pages of the dashboard. The order of PAGES is the order of the menu."""

from __future__ import annotations

from aeon_jobs.api.dashboard.page import Routes
from aeon_jobs.api.dashboard.pages import dead_letters, job, job_types, jobs, overview, schedules, workflows

_MODULES = (overview, jobs, job, dead_letters, schedules, workflows, job_types)
"""Each has `pages` and `actions`."""
ROUTES = Routes(
    [page for module in _MODULES for page in module.pages], [action for module in _MODULES for action in module.actions]
)
