"""/metrics: what Prometheus scrapes. Read from PostgreSQL and Redis, so any API process gives the same answer."""

from __future__ import annotations

from litestar import Response, get
from litestar.exceptions import NotFoundException

from aeon_jobs.api.http.resources import GivenResources
from aeon_jobs.api.metrics import CONTENT_TYPE
from aeon_jobs.api.service.core.principals import Role


@get(
    "/metrics",
    opt={"role": Role.VIEWER},
    sync_to_thread=True,
    media_type=CONTENT_TYPE,
    summary="Metrics for Prometheus",
    tags=["Metrics"],
)
def prometheus(resources: GivenResources) -> Response[bytes]:
    """Text format 0.0.4, at most 2 s old. Counters never go down."""
    if not resources.settings.monitoring_enabled:
        raise NotFoundException("MONITORING_ENABLED=false: metrics are not served")
    return Response(resources.exposition.text(), media_type=CONTENT_TYPE)
