"""/api/openapi.json: the document. /api/docs: a page to read and try it, served whole from here."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from litestar import Response, get
from litestar.params import FromPath

from aeon_jobs.api.http.errors import not_found
from aeon_jobs.api.http.requests import ApiRequest

_TYPES = {".js": "text/javascript", ".css": "text/css"}
_PAGE_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


@get("/api/openapi.json", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
def schema(request: ApiRequest) -> dict[str, Any]:
    """The document."""
    return request.app.document()  # type: ignore[attr-defined, no-any-return]


@get("/api/docs", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
def page() -> Response[str]:
    """The page."""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>aeon-jobs API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="/api/docs/swagger-ui.css">'
        '<script src="/api/docs/swagger-ui-bundle.js"></script><script src="/api/docs/docs.js"></script></head>'
        '<body data-schema="/api/openapi.json"><main id="docs"></main></body></html>'
    )
    return Response(html, media_type="text/html", headers={"Content-Security-Policy": _PAGE_POLICY})


@get("/api/docs/{name:str}", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
def asset(name: FromPath[str]) -> Response[bytes]:
    """What the page is made of."""
    if name not in _assets():
        raise not_found(f"no file {name!r:.100}")
    content, media_type = _assets()[name]
    return Response(content, media_type=media_type, headers={"Cache-Control": "public, max-age=3600"})


@cache
def _assets() -> dict[str, tuple[bytes, str]]:
    files = (entry for entry in resources.files("aeon_jobs.api.http").joinpath("static").iterdir())
    suffixes = ((entry, "." + entry.name.rpartition(".")[2]) for entry in files)
    return {entry.name: (entry.read_bytes(), _TYPES[suffix]) for entry, suffix in suffixes if suffix in _TYPES}


handlers = [schema, page, asset]
