"""What was asked for, and from where.

A path stays as it was sent: names of job types and steps may contain `/`, which is then %2F.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from aeon_jobs.api.dashboard.page import BASE, Ask, parameters
from aeon_jobs.api.dashboard.visitors import AnyRequest, local_path
from aeon_jobs.persistence.core.errors import InvalidJob


def path_of(request: AnyRequest) -> str:
    """Below /dashboard, percent-encoded."""
    raw = request.scope.get("raw_path") or b""
    path = raw.partition(b"?")[0].decode("latin-1") or quote(request.scope["path"])
    return path.removeprefix(BASE).rstrip("/") or "/"


def page_before(request: AnyRequest) -> str:
    """The page whose form was sent, below /dashboard."""
    try:
        split = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return "/"
    address = split.path + (f"?{split.query}" if split.query else "")
    return local_path(address).removeprefix(BASE) or "/"


def live_address(ask: Ask) -> str:
    return BASE + ask.path + (f"?{ask.query}" if ask.query else "")


async def form_of(request: AnyRequest) -> dict[str, list[str]]:
    """
    Raises:
        InvalidJob
    """
    try:
        form = parameters((await request.body()).decode())
    except UnicodeDecodeError:
        raise InvalidJob.at("form", "must be UTF-8") from None
    for name, values in form.items():
        # PostgreSQL stores none.
        if any("\0" in text for text in (name, *values)):
            raise InvalidJob.at(name.replace("\0", ""), "must not contain NUL characters")
    return form
