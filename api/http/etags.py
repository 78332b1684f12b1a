"""Versions of a resource in headers: ETag, If-None-Match (304). If-Match (412) is a condition of the use cases."""

from __future__ import annotations

from datetime import datetime

from aeon_jobs.api.http.requests import ApiRequest
from aeon_jobs.api.service.core.versions import names, version


def etag(updated_at: datetime) -> dict[str, str]:
    """The header."""
    return {"ETag": version(updated_at)}


def is_known(request: ApiRequest, updated_at: datetime) -> bool:
    """Whether the caller has this version already."""
    return names(request.headers.get("if-none-match", ""), updated_at)
