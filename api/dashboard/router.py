"""The routes of the dashboard.

GET  /dashboard/…               a page, or a file: /jobs/ID/payload.json, /jobs/ID/result.json
POST /dashboard/…               an action; then 303 to a page, or a page as the answer
GET  /dashboard/live            an event stream: when to get the page again
GET  /dashboard/static/…        style sheet and scripts
GET, POST /dashboard/sign-in    POST /dashboard/sign-out
"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from aeon_jobs.api.dashboard import assets
from aeon_jobs.api.dashboard.addresses import form_of, path_of
from aeon_jobs.api.dashboard.answers import html, packed
from aeon_jobs.api.dashboard.dashboard import Dashboard
from aeon_jobs.api.dashboard.page import BASE
from aeon_jobs.api.dashboard.rendering import Rendered, render
from aeon_jobs.api.dashboard.visitors import AnyRequest, local_path, refuse_other_origins
from aeon_jobs.api.http.errors import Problem, ProblemError, not_found
from aeon_jobs.api.http.requests import ApiRequest
from aeon_jobs.api.http.resources import Resources

_STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_OPEN: dict[str, Any] = {"public": True, "any_parameters": True}
"""Not by API keys: `Dashboard` asks for a session itself."""

Given = NamedDependency[Dashboard]


@get(["/", "/{path:path}"], opt=_OPEN, include_in_schema=False)
async def page(request: ApiRequest, dashboard: Given) -> Response[Any]:
    return await dashboard.page(request, path_of(request))


@post(["/{path:path}"], opt=_OPEN, include_in_schema=False)
async def act(request: ApiRequest, dashboard: Given) -> Response[Any]:
    return await dashboard.act(request, path_of(request))


@get("/live", opt={**_OPEN, "stream": True}, include_in_schema=False)
async def live(
    request: ApiRequest,
    dashboard: Given,
    page: Annotated[str, QueryParameter(max_length=8_000)],
    version: Annotated[str, QueryParameter(max_length=100)] = "",
) -> Response[bytes]:
    principal = await dashboard.visitors.who(request)
    if principal is None:
        return Response(b"", status_code=204)  # tells an EventSource to stop
    request.scope["user"] = principal
    dashboard.resources.streams.open(request)
    events = dashboard.changes(request, principal, local_path(page), version)
    return Stream(events, media_type="text/event-stream", headers=_STREAM_HEADERS)  # type: ignore[return-value]


@get("/static/{digest:str}/{name:str}", opt=_OPEN, include_in_schema=False)
async def static(request: ApiRequest, digest: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    asset = assets.assets().get(name)
    if asset is None:
        raise not_found("no such file")
    # While a new version is rolled out, a page of one may ask a process of the other.
    headers = assets.HEADERS if digest == assets.digest() else assets.OF_ANOTHER_VERSION
    return packed(request, asset.content, asset.media_type, headers, gzipped=asset.gzipped)


@get("/sign-in", opt=_OPEN, include_in_schema=False)
async def sign_in_form(request: ApiRequest, dashboard: Given) -> Response[Any]:
    after = local_path(request.query_params.get("next", BASE))
    if await dashboard.visitors.who(request) is not None:
        return Response(b"", status_code=303, headers={"Location": after})
    return _sign_in_page(dashboard, request, after)


@post("/sign-in", opt=_OPEN, include_in_schema=False)
async def sign_in(request: ApiRequest, dashboard: Given) -> Response[Any]:
    refuse_other_origins(request)
    form = await form_of(request)
    after = local_path(form.get("next", [BASE])[-1])
    if not dashboard.resources.settings.api_auth_enabled:
        return Response(b"", status_code=303, headers={"Location": after})
    try:
        cookie = await dashboard.visitors.sign_in(request, form.get("key", [""])[-1].strip())
    except ProblemError as error:
        if error.problem.status not in (401, 429):
            raise
        return _sign_in_page(dashboard, request, after, error.problem)
    return Response(b"", status_code=303, headers={"Location": after}, cookies=[cookie])


@post("/sign-out", opt=_OPEN, include_in_schema=False)
async def sign_out(request: ApiRequest, dashboard: Given) -> Response[Any]:
    refuse_other_origins(request)
    form = await form_of(request)
    cookie = await dashboard.visitors.sign_out(request, everywhere="everywhere" in form)
    return Response(b"", status_code=303, headers={"Location": f"{BASE}/sign-in"}, cookies=[cookie])


def router(resources: Resources) -> Router:
    """All of it, to be registered in the application."""
    dashboard = Dashboard(resources)

    def failure(request: AnyRequest, error: Exception) -> Response[Any]:
        return dashboard.failure(request, error)

    return Router(
        BASE,
        route_handlers=[page, act, live, static, sign_in_form, sign_in, sign_out],
        dependencies={"dashboard": Provide(lambda: dashboard, sync_to_thread=False)},
        exception_handlers={Exception: failure},
    )


def _sign_in_page(
    dashboard: Dashboard, request: ApiRequest, after: str, problem: Problem | None = None
) -> Response[Any]:
    message = None
    if problem is not None:
        message = "This key is not valid." if problem.status == 401 else "Too many attempts. Try again in a minute."
    rendered = Rendered("Sign in", render("sign_in.html", {"next": after, "message": message}))
    answer = html(request, dashboard.layout(None, None, rendered, is_live=False), problem.status if problem else 200)
    answer.headers["Cache-Control"] = "no-store"
    return answer
