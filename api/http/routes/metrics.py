"""/api/jobs/metrics: the state of the whole system on one page, for dashboards and people. Prometheus has its own."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from aeon_jobs.api.contract import History, Metrics, Period
from aeon_jobs.api.http.parameters import Text
from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service.core.principals import Role


@get("/metrics", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="The state of the system", tags=["Metrics"])
def metrics(jobs: Given) -> Metrics:
    """Depths and workers as they are now (of a backlog of more than 50,000: 2 s ago); statistics are up to 10 s old."""
    return jobs.metrics()


@get(
    "/metrics/history",
    opt={"role": Role.VIEWER},
    sync_to_thread=True,
    summary="What happened over time",
    tags=["Metrics"],
)
def history(
    jobs: Given,
    period: Annotated[Period, QueryParameter(description="up to now")] = "1h",
    job_type: Text = None,
    queue_name: Text = None,
) -> History:
    """Points at even distances: of all jobs, of a job type, or of a queue. Minutes are kept for 2 days, hours for 31."""
    return jobs.history(period, job_type=job_type, queue_name=queue_name)
