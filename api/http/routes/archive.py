"""/api/archive: what is kept for how long, what is in the archive, and a run by hand."""

from __future__ import annotations

from litestar import Router, get, post
from litestar.params import JSONBody

from aeon_jobs.api.contract import ArchiveRun, ArchiveRunRequest, ArchiveStatus
from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service.core.principals import Role


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="The archive")
def show(jobs: Given) -> ArchiveStatus:
    """Days of retention, what is due, and every month with its size."""
    return jobs.archive_status()


@post("/run", opt={"role": Role.ADMIN}, status_code=200, sync_to_thread=True, summary="Archive now")
def run(data: JSONBody[ArchiveRunRequest], jobs: Given) -> ArchiveRun:
    """Moves what is due, for five seconds at most; `more` says to call again. With `dry_run` it is counted by day."""
    return jobs.run_archive(dry_run=data.dry_run)


router = Router("/api/archive", route_handlers=[show, run], tags=["Archive"])
