"""`/`: where to go next. A page for browsers, JSON for programs."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from litestar import Response, get

from aeon_jobs.api.http.requests import ApiRequest

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
_LINKS = {
    "documentation": ("/api/docs", "every route, to read and to try; it asks for an API key"),
    "openapi": ("/api/openapi.json", "the same for programs (OpenAPI 3.1)"),
    "health": ("/health", "whether jobs can be accepted"),
    "metrics": ("/metrics", "for Prometheus, with a key"),
}
_STEPS = """# in a terminal, while `aeon-jobs up` runs
eval "$(aeon-jobs env)"
aeon-jobs submit email_notification '{"to": "ann@example.com", "subject": "Hi", "body": "It works."}' --wait
aeon-jobs list
aeon-jobs mails"""


@get("/", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
def home(request: ApiRequest) -> Response[Any]:
    """The address that people type."""
    if request.accept.best_match(["application/json", "text/html"], default="application/json") == "text/html":
        return Response(_page(), media_type="text/html", headers={"Content-Security-Policy": _POLICY, "Vary": "Accept"})
    links = {name: path for name, (path, _) in _LINKS.items()}
    content = {"name": "aeon-jobs", "version": metadata.version("aeon-jobs"), **links}
    return Response(content, media_type="application/json", headers={"Vary": "Accept"})


def _page() -> str:
    rows = "".join(f'<li><a href="{path}">{path}</a>: {text}</li>' for path, text in _LINKS.values())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>aeon-jobs</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        "<style>:root{color-scheme:light dark}body{font:1rem/1.6 system-ui,sans-serif;max-width:46rem;margin:3rem auto;"
        "padding:0 1rem}pre{overflow-x:auto}</style></head><body><main>"
        f"<h1>aeon-jobs {metadata.version('aeon-jobs')}</h1><p>The HTTP API of the job system runs here.</p>"
        f"<ul>{rows}</ul><h2>A first job</h2><pre>{_STEPS}</pre></main></body></html>"
    )
