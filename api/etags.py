"""Versions of a resource: told in ETag, held against If-None-Match (304) and If-Match (412)."""

from __future__ import annotations

from datetime import datetime

from aeon_jobs.api.body import ApiRequest
from aeon_jobs.api.errors import Problem, ProblemError


def etag(updated_at: datetime) -> str:
    """Every change moves updated_at, by at least a microsecond."""
    return f'"{round(updated_at.timestamp() * 1_000_000):x}"'


def is_known(request: ApiRequest, updated_at: datetime) -> bool:
    """Whether the caller has this version already."""
    return _names(request.headers.get("if-none-match", ""), etag(updated_at))


def refuse_changed(request: ApiRequest, updated_at: datetime) -> None:
    """Call with the row locked.

    Raises:
        ProblemError: 412, the caller wanted to change another version.
    """
    wanted = request.headers.get("if-match")
    if wanted is not None and not _names(wanted, etag(updated_at)):
        detail = "it was changed meanwhile: get it again, and decide again"
        raise ProblemError(Problem("precondition-failed", 412, detail, headers={"ETag": etag(updated_at)}))


def _names(header: str, tag: str) -> bool:
    named = {part.strip().removeprefix("W/") for part in header.split(",")}
    return "*" in named or tag in named
