"""Answers: HTML, packed if the browser takes it, under a strict policy; and addresses to go to."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from litestar import Response

from aeon_jobs.api.dashboard import assets
from aeon_jobs.api.dashboard.page import BASE
from aeon_jobs.api.dashboard.rendering import Rendered
from aeon_jobs.api.dashboard.visitors import AnyRequest

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    # With no-referrer, browsers would send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Cookie, HX-Request, Accept-Encoding",
}


def content(request: AnyRequest, rendered: Rendered) -> Response[bytes]:
    """The content alone, for a page that is open."""
    headers = {**HEADERS, "ETag": f'"{rendered.version}"'}
    return packed(request, rendered.element.encode(), "text/html", headers, gzipped=rendered.gzipped)


def html(request: AnyRequest, text: str, status: int = 200) -> Response[bytes]:
    return packed(request, text.encode(), "text/html", HEADERS, status=status)


def packed(
    request: AnyRequest,
    body: bytes,
    media_type: str,
    headers: Mapping[str, str],
    *,
    gzipped: bytes | None = None,
    status: int = 200,
) -> Response[bytes]:
    """`gzipped`: the same, if it is at hand."""
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(body, status_code=status, media_type=media_type, headers=dict(headers))
    return Response(
        assets.packed(body) if gzipped is None else gzipped,
        status_code=status,
        media_type=media_type,
        headers={**headers, "Content-Encoding": "gzip"},
    )


def see_other(path: str) -> Response[bytes]:
    """Go to `path`, below /dashboard."""
    return Response(b"", status_code=303, headers={"Location": BASE + quote(path, safe="/?&=%+:;,~!*'()@$[]")})
