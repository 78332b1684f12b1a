"""What the routes do: pages are read, shared, and put into what surrounds them; forms are acted on."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

from litestar import Response
from litestar.concurrency import sync_to_thread
from litestar.datastructures import Cookie
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.api.dashboard.addresses import form_of, live_address, page_before
from aeon_jobs.api.dashboard.answers import HEADERS, content, html, packed, see_other
from aeon_jobs.api.dashboard.page import BASE, Action, Ask, Done, Page, Routes, Viewer, parameters
from aeon_jobs.api.dashboard.pages import ROUTES
from aeon_jobs.api.dashboard.rendering import Rendered, render
from aeon_jobs.api.dashboard.shared import SharedPages
from aeon_jobs.api.dashboard.visitors import AnyRequest, Visitors, refuse_other_origins
from aeon_jobs.api.http.errors import Problem, ProblemError, not_found, problem_of
from aeon_jobs.api.http.requests import ApiRequest
from aeon_jobs.api.http.resources import Resources
from aeon_jobs.api.http.streams import HEARTBEAT_S
from aeon_jobs.api.http.traces import trace_of
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.errors import Forbidden
from aeon_jobs.api.service.core.principals import Principal, Role
from aeon_jobs.api.service.core.use_cases import Conditions
from aeon_jobs.persistence.admin.views import View
from aeon_jobs.persistence.admin.views import of as views_of
from aeon_jobs.persistence.core.errors import InvalidJob, JobsError

LOOK_EVERY_S = 1.0
_FILE = re.compile(r"/jobs/([^/]+)/(payload|result)\.json")
NOTE_COOKIE = "aeon_jobs_note"
NOTE_S = 20
LONGEST_NOTE = 300
"""A cookie has it: 12 bytes for each character at most."""


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
        if file := _FILE.fullmatch(path):
            return await self._file(request, principal, *file.groups())
        if self.routes.is_answer(path):
            # The answer to a form, reloaded or bookmarked: what the form was on.
            return see_other(path.rpartition("/")[0])
        ask = self._ask(principal, path, parameters(request.scope["query_string"].decode("latin-1")))
        rendered = await self.rendered(principal, ask)
        if request.headers.get("hx-request") == "true":
            return content(request, rendered)
        return await self._whole(request, principal, ask, rendered)

    async def rendered(self, principal: Principal, ask: Ask) -> Rendered:
        """
        Raises:
            ProblemError, Forbidden, JobsError
        """
        page, ask = self._find(principal, ask)
        key = (ask.path, ask.query, ask.viewer)
        return await self.shared.get(key, lambda: _made(page, self._jobs(principal), ask))

    async def _file(self, request: ApiRequest, principal: Principal, job_id: str, name: str) -> Response[Any]:
        """Payload or result of a job, exactly as it is stored."""
        which: Literal["payload", "result"] = "payload" if name == "payload" else "result"
        text = await sync_to_thread(self._jobs(principal).json_text, job_id, which)
        headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}.json"'}
        return packed(request, text.encode(), "application/json", headers)

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
        ask = replace(self._ask(principal, path, await form_of(request)), parts=parts)
        jobs = self._jobs(principal, request)
        try:
            done = await sync_to_thread(action.act, jobs, ask)
        except InvalidJob as error:
            return await self._again(request, principal, action, ask, jobs, error)
        except JobsError as error:
            # The page that the form stands on says why, and shows how things are now.
            return self._go(Done(page_before(request), str(error), is_error=True))
        finally:
            self.shared.forget()
        if isinstance(done, Done):
            return self._go(done)
        rendered = Rendered(done.title, render(done.template, {"ask": ask, **done.values}))
        return await self._whole(request, principal, ask, rendered, is_live=False)

    async def _again(
        self, request: ApiRequest, principal: Principal, action: Action, ask: Ask, jobs: Jobs, error: InvalidJob
    ) -> Response[Any]:
        if action.form is None:
            return self._go(Done(page_before(request), str(error), is_error=True))
        form = action.form
        rendered = await sync_to_thread(_made, form, jobs, ask.with_errors(error.violations))
        return await self._whole(request, principal, ask, rendered, status=400, is_live=False)

    def _go(self, done: Done) -> Response[Any]:
        kind = "error" if done.is_error else "done"
        note = quote(f"{kind}:{done.message[:LONGEST_NOTE]}")
        cookie = Cookie(NOTE_COOKIE, path=BASE, value=note, max_age=NOTE_S, httponly=True, samesite="lax")
        answer = see_other(done.to)
        answer.set_cookie(cookie)
        return answer

    # --- what surrounds a page

    async def _whole(
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
        views = await sync_to_thread(self._views, principal) if found and found[0].views else None
        is_live = is_live and bool(found and found[0].live)
        whole = self.layout(principal, ask, rendered, is_live=is_live, note=note, views=views)
        answer = html(request, whole, status)
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
        views: Sequence[View] | None = None,
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
                "live": live_address(ask) if ask and is_live else None,
                "views": views,
                "filter": ask.query if ask else "",
                "note": message[:LONGEST_NOTE],
                "note_is_error": kind == "error",
            },
        )

    def _views(self, principal: Principal) -> Sequence[View]:
        with self.resources.database.connection() as connection:
            return views_of(connection, principal.name)

    def failure(self, request: AnyRequest, error: Exception) -> Response[Any]:
        """A page that says what is wrong."""
        problem = problem_of(error)
        if request.headers.get("hx-request") == "true" and problem.status in (403, 404):
            # A page that is open, and is no more: got again as a whole, it says so.
            return Response(b"", headers={"HX-Refresh": "true"})
        values = {"problem": problem, "request_id": request.scope.get("state", {}).get("request_id")}
        rendered = Rendered(problem.title, render("problem.html", values))
        whole = self.layout(request.scope.get("state", {}).get("visitor"), None, rendered, is_live=False)
        answer = html(request, whole, problem.status)
        answer.headers.update(problem.headers)
        return answer

    def _to_sign_in(self, request: ApiRequest) -> Response[Any]:
        address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        after = address if request.method == "GET" else BASE
        to = f"/sign-in?next={quote(after, safe='')}"
        if request.headers.get("hx-request") == "true":
            # A page that is open: the whole of it goes there.
            return Response(b"", headers={"HX-Redirect": BASE + to})
        return see_other(to)

    # --- who asks, and for what

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
        ask = self._ask(principal, split.path.removeprefix(BASE) or "/", parameters(split.query))
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
            is_in = await self.resources.authenticator.is_still_valid(principal)
            quiet_s += LOOK_EVERY_S
            if is_in and quiet_s >= HEARTBEAT_S:
                quiet_s = 0.0
                yield b": still here\n\n"
                is_in = await self.visitors.who(request) is not None
            if not is_in:
                # The page is asked for, and the answer is the sign-in.
                yield b"event: changed\ndata: over\n\n"
                return
            await self.resources.streams.pause(LOOK_EVERY_S)


def _made(page: Page, jobs: Jobs, ask: Ask) -> Rendered:
    values = dict(page.read(jobs, ask))
    title = values.pop("title", page.title)
    return Rendered(title, render(page.template, {"ask": ask, "title": title, "errors": ask.errors, **values}))
