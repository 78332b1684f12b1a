"""The routes of the dashboard.

GET  /dashboard/…               a page
POST /dashboard/…               an action; then 303 to a page, or a page as the answer
GET  /dashboard/live            an event stream: when to get the page again
GET  /dashboard/static/…        style sheet and scripts
GET, POST /dashboard/sign-in    POST /dashboard/sign-out
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlsplit

from litestar import Response, Router, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import Cookie
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.api.dashboard import assets
from aeon_jobs.api.dashboard.page import BASE, Action, Ask, Done, Page, Routes, Viewer, parameters
from aeon_jobs.api.dashboard.pages import ROUTES
from aeon_jobs.api.dashboard.rendering import Rendered, render
from aeon_jobs.api.dashboard.shared import SharedPages
from aeon_jobs.api.dashboard.visitors import AnyRequest, Visitors, local_path, refuse_other_origins
from aeon_jobs.api.http.errors import Problem, ProblemError, not_found, problem_of
from aeon_jobs.api.http.requests import ApiRequest
from aeon_jobs.api.http.resources import Resources
from aeon_jobs.api.http.streams import HEARTBEAT_S
from aeon_jobs.api.http.traces import trace_of
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.errors import Forbidden
from aeon_jobs.api.service.core.principals import Principal, Role
from aeon_jobs.api.service.core.use_cases import Conditions
from aeon_jobs.persistence.core.errors import InvalidJob, JobsError

LOOK_EVERY_S = 1.0
NOTE_COOKIE = "aeon_jobs_note"
NOTE_S = 20
LONGEST_NOTE = 300
"""A cookie has it: 12 bytes for each character at most."""
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
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    # With no-referrer, browsers would send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Cookie, HX-Request, Accept-Encoding",
}
_STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_OPEN: dict[str, Any] = {"public": True, "any_parameters": True}
"""Not by API keys: `Dashboard` asks for a session itself."""


class Dashboard:
    """What the routes work with: one per process."""

    def __init__(self, resources: Resources, routes: Routes = ROUTES) -> None:
        self.resources, self.routes = resources, routes
        self.visitors = Visitors(resources.settings, resources.database, resources.authenticator)
        self.shared = SharedPages()

    # --- reading

    async def page(self, request: ApiRequest, path: str) -> Response[Any]:
        principal = await self._visitor(request)
        if principal is None:
            return self._to_sign_in(request)
        if self.routes.is_answer(path):
            # The answer to a form, reloaded or bookmarked: what the form was on.
            return Response(b"", status_code=303, headers={"Location": BASE + quote(path.rpartition("/")[0])})
        ask = self._ask(principal, path, parameters(request.scope["query_string"].decode("latin-1")))
        rendered = await self.rendered(principal, ask)
        if request.headers.get("hx-request") == "true":
            return _content(request, rendered)
        return self._whole(request, principal, ask, rendered)

    async def rendered(self, principal: Principal, ask: Ask) -> Rendered:
        """
        Raises:
            ProblemError, Forbidden, JobsError
        """
        page, ask = self._find(principal, ask)
        key = (ask.path, ask.query, ask.viewer)
        return await self.shared.get(key, lambda: _made(page, self._jobs(principal), ask))

    def _find(self, principal: Principal, ask: Ask) -> tuple[Page, Ask]:
        found = self.routes.page(ask.path)
        if found is None:
            raise not_found("there is no such page")
        page, parts = found
        if not principal.may(page.role):
            raise Forbidden(principal, page.role)
        return page, replace(ask, parts=parts)

    # --- changing

    async def act(self, request: ApiRequest, path: str) -> Response[Any]:
        principal = await self._visitor(request)
        if principal is None:
            return self._to_sign_in(request)
        refuse_other_origins(request)
        found = self.routes.action(path)
        if found is None:
            raise not_found("there is no such action")
        action, parts = found
        if not principal.may(action.role):
            raise Forbidden(principal, action.role)
        if self.resources.settings.dashboard_read_only:
            raise ProblemError(Problem("read-only", 403, "this dashboard is read-only: DASHBOARD_READ_ONLY"))
        ask = replace(self._ask(principal, path, await _form(request)), parts=parts)
        jobs = self._jobs(principal, request)
        try:
            done = await sync_to_thread(action.act, jobs, ask)
        except InvalidJob as error:
            return await self._again(request, principal, action, ask, jobs, error)
        except JobsError as error:
            # The page that the form stands on says why, and shows how things are now.
            return self._go(Done(_from(request), str(error), is_error=True))
        finally:
            self.shared.forget()
        if isinstance(done, Done):
            return self._go(done)
        rendered = Rendered(done.title, render(done.template, {"ask": ask, **done.values}))
        return self._whole(request, principal, ask, rendered, is_live=False)

    async def _again(
        self, request: ApiRequest, principal: Principal, action: Action, ask: Ask, jobs: Jobs, error: InvalidJob
    ) -> Response[Any]:
        if action.form is None:
            return self._go(Done(_from(request), str(error), is_error=True))
        form = action.form
        rendered = await sync_to_thread(_made, form, jobs, ask.with_errors(error.violations))
        return self._whole(request, principal, ask, rendered, status=400, is_live=False)

    def _go(self, done: Done) -> Response[Any]:
        kind = "error" if done.is_error else "done"
        note = quote(f"{kind}:{done.message[:LONGEST_NOTE]}")
        cookie = Cookie(NOTE_COOKIE, path=BASE, value=note, max_age=NOTE_S, httponly=True, samesite="lax")
        return Response(b"", status_code=303, headers={"Location": _location(done.to)}, cookies=[cookie])

    # --- what surrounds a page

    def _whole(
        self,
        request: ApiRequest,
        principal: Principal,
        ask: Ask,
        rendered: Rendered,
        *,
        status: int = 200,
        is_live: bool = True,
    ) -> Response[Any]:
        found = self.routes.page(ask.path)
        note = request.cookies.get(NOTE_COOKIE)
        html = self.layout(principal, ask, rendered, is_live=is_live and bool(found and found[0].live), note=note)
        answer = _html(request, html, status)
        if note:
            answer.delete_cookie(NOTE_COOKIE, path=BASE)
        return answer

    def layout(
        self,
        principal: Principal | None,
        ask: Ask | None,
        rendered: Rendered,
        *,
        is_live: bool,
        note: str | None = None,
    ) -> str:
        kind, _, message = unquote(note or "").partition(":")
        path = ask.path if ask else ""
        return render(
            "layout.html",
            {
                "title": rendered.title,
                "main": rendered,
                "principal": principal,
                "has_sessions": self.resources.settings.api_auth_enabled,
                "read_only": self.resources.settings.dashboard_read_only,
                "menu": [page for page in self.routes.pages if page.menu and principal and principal.may(page.role)],
                "section": f"/{path.split('/')[1]}" if path else "",
                "live": _live_address(ask) if ask and is_live else None,
                "note": message[:LONGEST_NOTE],
                "note_is_error": kind == "error",
            },
        )

    def failure(self, request: AnyRequest, error: Exception) -> Response[Any]:
        """A page that says what is wrong."""
        problem = problem_of(error)
        values = {"problem": problem, "request_id": request.scope.get("state", {}).get("request_id")}
        rendered = Rendered(problem.title, render("problem.html", values))
        html = self.layout(request.scope.get("state", {}).get("visitor"), None, rendered, is_live=False)
        answer = _html(request, html, problem.status)
        answer.headers.update(problem.headers)
        return answer

    def _to_sign_in(self, request: ApiRequest) -> Response[Any]:
        if request.headers.get("hx-request") == "true":
            return Response(b"", status_code=401)
        address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        after = address if request.method == "GET" else BASE
        return Response(b"", status_code=303, headers={"Location": f"{BASE}/sign-in?next={quote(after, safe='')}"})

    # --- the rest

    async def _visitor(self, request: ApiRequest) -> Principal | None:
        principal = await self.visitors.who(request)
        request.scope["state"]["visitor"] = principal
        return principal

    def _ask(self, principal: Principal, path: str, given: Mapping[str, list[str]]) -> Ask:
        name = principal.name if principal.role == Role.SUBMITTER else None
        viewer = Viewer(principal.role, name, self.resources.settings.dashboard_read_only)
        return Ask(path, {}, given, viewer)

    def _jobs(self, principal: Principal, request: ApiRequest | None = None) -> Jobs:
        if request is None:
            return Jobs(self.resources.context, principal)
        request_id = request.scope["state"].get("request_id")
        return Jobs(
            self.resources.context, principal, Conditions(request_id=request_id, trace=trace_of(request.headers))
        )

    async def changes(
        self, request: ApiRequest, principal: Principal, address: str, version: str
    ) -> AsyncIterator[bytes]:
        """Events of a stream: one whenever the page is another than the viewer has."""
        split = urlsplit(address)
        ask = self._ask(principal, unquote(split.path).removeprefix(BASE) or "/", parameters(split.query))
        yield b"retry: 3000\n\n"
        quiet_s = 0.0
        while not self.resources.streams.is_closed:
            try:
                now = (await self.rendered(principal, ask)).version
            except SQLAlchemyError:
                now = version  # PostgreSQL is away: the page stays as it is
            except (ProblemError, JobsError):
                now = "gone"  # the page says so itself
            if now != version:
                version = now
                yield f"event: changed\ndata: {version}\n\n".encode()
            quiet_s += LOOK_EVERY_S
            if quiet_s >= HEARTBEAT_S:
                quiet_s = 0.0
                yield b": still here\n\n"
                if await self.visitors.who(request) is None:
                    # It asks for the page, and gets the sign-in.
                    yield b"event: changed\ndata: over\n\n"
                    return
            await self.resources.streams.pause(LOOK_EVERY_S)


Given = NamedDependency[Dashboard]
PagePath = FromPath[str]


@get(["/", "/{path:path}"], opt=_OPEN, include_in_schema=False)
async def page(request: ApiRequest, dashboard: Given) -> Response[Any]:
    return await dashboard.page(request, _path(request))


@post(["/{path:path}"], opt=_OPEN, include_in_schema=False)
async def act(request: ApiRequest, dashboard: Given) -> Response[Any]:
    return await dashboard.act(request, _path(request))


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
    return _packed(request, asset.content, asset.gzipped, asset.media_type, headers)


@get("/sign-in", opt=_OPEN, include_in_schema=False)
async def sign_in_form(request: ApiRequest, dashboard: Given) -> Response[Any]:
    after = local_path(request.query_params.get("next", BASE))
    if await dashboard.visitors.who(request) is not None:
        return Response(b"", status_code=303, headers={"Location": after})
    return _sign_in_page(dashboard, request, after)


@post("/sign-in", opt=_OPEN, include_in_schema=False)
async def sign_in(request: ApiRequest, dashboard: Given) -> Response[Any]:
    refuse_other_origins(request)
    form = await _form(request)
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
    form = await _form(request)
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


def _made(page: Page, jobs: Jobs, ask: Ask) -> Rendered:
    values = dict(page.read(jobs, ask))
    title = values.pop("title", page.title)
    return Rendered(title, render(page.template, {"ask": ask, "title": title, "errors": ask.errors, **values}))


def _sign_in_page(
    dashboard: Dashboard, request: ApiRequest, after: str, problem: Problem | None = None
) -> Response[Any]:
    message = None
    if problem is not None:
        message = "This key is not valid." if problem.status == 401 else "Too many attempts. Try again in a minute."
    rendered = Rendered("Sign in", render("sign_in.html", {"next": after, "message": message}))
    answer = _html(request, dashboard.layout(None, None, rendered, is_live=False), problem.status if problem else 200)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _location(path: str) -> str:
    """`path`, below /dashboard, as a header may have it."""
    return BASE + quote(path, safe="/?&=%+:;,~!*'()@$[]")


async def _form(request: ApiRequest) -> dict[str, list[str]]:
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


def _path(request: ApiRequest) -> str:
    return request.scope["path"].removeprefix(BASE).rstrip("/") or "/"


def _from(request: ApiRequest) -> str:
    """The page whose form was sent, below /dashboard."""
    try:
        split = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return "/"
    address = split.path + (f"?{split.query}" if split.query else "")
    return local_path(address).removeprefix(BASE) or "/"


def _live_address(ask: Ask) -> str:
    return BASE + ask.path + (f"?{ask.query}" if ask.query else "")


def _content(request: ApiRequest, rendered: Rendered) -> Response[bytes]:
    """The content alone, for a page that is open."""
    headers = {**_HEADERS, "ETag": f'"{rendered.version}"'}
    return _packed(request, rendered.element.encode(), rendered.gzipped, "text/html", headers)


def _html(request: AnyRequest, html: str, status: int) -> Response[bytes]:
    content = html.encode()
    return _packed(request, content, None, "text/html", _HEADERS, status)


def _packed(
    request: AnyRequest,
    content: bytes,
    gzipped: bytes | None,
    media_type: str,
    headers: Mapping[str, str],
    status: int = 200,
) -> Response[bytes]:
    if "gzip" in request.headers.get("accept-encoding", ""):
        packed = assets.packed(content) if gzipped is None else gzipped
        return Response(
            packed, status_code=status, media_type=media_type, headers={**headers, "Content-Encoding": "gzip"}
        )
    return Response(content, status_code=status, media_type=media_type, headers=dict(headers))
