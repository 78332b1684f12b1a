"""/api/jobs/metrics: the state of the whole system on one page, for dashboards and people. Prometheus has its own."""

from __future__ import annotations

from litestar import get

from aeon_jobs.api.contract import Metrics
from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service.core.principals import Role


@get("/metrics", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="The state of the system", tags=["Metrics"])
def metrics(jobs: Given) -> Metrics:
    """Depths and workers as they are now (of a backlog of more than 50,000: 2 s ago); statistics are up to 10 s old."""
    return jobs.metrics()
