"""`/`: where to go next. The dashboard for browsers, JSON for programs."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from litestar import Response, get

from aeon_jobs.api.http.requests import ApiRequest
from aeon_jobs.api.http.resources import GivenResources

_LINKS = {
    "dashboard": "/dashboard",
    "documentation": "/api/docs",
    "openapi": "/api/openapi.json",
    "health": "/health",
    "metrics": "/metrics",
}


@get("/", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
def home(request: ApiRequest, resources: GivenResources) -> Response[Any]:
    """The address that people type."""
    if request.accept.best_match(["application/json", "text/html"], default="application/json") == "text/html":
        place = "/dashboard" if resources.settings.dashboard_enabled else "/api/docs"
        return Response(b"", status_code=303, headers={"Location": place, "Vary": "Accept"})
    content = {"name": "aeon-jobs", "version": metadata.version("aeon-jobs"), **_LINKS}
    return Response(content, media_type="application/json", headers={"Vary": "Accept"})
