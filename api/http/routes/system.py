"""/api/system: the system below the jobs."""

from __future__ import annotations

from litestar import get

from aeon_jobs.api.contract import System
from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service.core.principals import Role


@get(
    "/api/system", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="The system below the jobs", tags=["System"]
)
def system(jobs: Given) -> System:
    """What is wrong and what to do; PostgreSQL, tables, background tasks, migrations."""
    return jobs.system()
