"""Who looks at the dashboard: sign-in with an API key, a session in a cookie, and the same-origin rule.

1. The key is sent once. The cookie has a random token; PostgreSQL has its digest (`persistence.admin.sessions`).
2. A session is looked up at each request, and remembered for REMEMBER_S. It ends with its time, with its key, and by sign-out.
3. What changes something must come from a page of ours: browsers say so in Sec-Fetch-Site, old ones in Origin.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from litestar import Request
from litestar.concurrency import sync_to_thread
from litestar.datastructures import Cookie

from aeon_jobs.api.http.authentication import Authenticator
from aeon_jobs.api.http.errors import Problem, ProblemError
from aeon_jobs.api.service.core.principals import ANYBODY, Principal, Role
from aeon_jobs.persistence.admin import audit, sessions
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings

COOKIE = "aeon_jobs_session"
REMEMBER_S = 2.0
_MOST_REMEMBERED = 10_000
AnyRequest = Request[Any, Any, Any]


class Visitors:
    def __init__(self, settings: Settings, database: Database, authenticator: Authenticator) -> None:
        self._settings, self._database, self._authenticator = settings, database, authenticator
        self._remembered: dict[bytes, tuple[Principal, float]] = {}

    async def who(self, request: AnyRequest) -> Principal | None:
        """Who is signed in; None when nobody is.

        Raises:
            ProblemError: 429
        """
        if not self._settings.api_auth_enabled:
            await self._authenticator.count(ANYBODY)
            return ANYBODY
        principal = await self._of_session(request.cookies.get(COOKIE))
        if principal is not None:
            await self._authenticator.count(principal)
        return principal

    async def sign_in(self, request: AnyRequest, key: str) -> Cookie:
        """The cookie of a new session.

        Raises:
            ProblemError: 401, the key is not valid; 429 after too many of those.
        """
        principal = await self._authenticator.principal_of(key, request)
        token = await sync_to_thread(self._begin, principal, request.scope.get("state", {}).get("request_id"))
        return self._cookie(request, token, self._settings.dashboard_session_lifetime // 1_000)

    async def sign_out(self, request: AnyRequest, *, everywhere: bool) -> Cookie:
        """A cookie that removes the one of the session."""
        token = request.cookies.get(COOKIE)
        if token:
            principal = await self._of_session(token)
            await sync_to_thread(self._end, token, principal if everywhere else None)
        self._remembered.clear()
        return self._cookie(request, "", 0)

    async def _of_session(self, token: str | None) -> Principal | None:
        if not token or len(token) > 100 or not token.isascii():
            return None
        digest = hashlib.sha256(token.encode()).digest()
        principal, until = self._remembered.get(digest, (None, 0.0))
        if principal and time.monotonic() < until:
            # A key that was revoked here, or is known to be: at once.
            return principal if await self._authenticator.is_still_valid(principal) else None
        principal = await sync_to_thread(self._look_up, token)
        if principal:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[digest] = (principal, time.monotonic() + REMEMBER_S)
        return principal

    def _look_up(self, token: str) -> Principal | None:
        with self._database.connection() as connection:
            holder = sessions.holder(connection, token)
        return Principal(holder.name, Role.named(holder.role), holder.key_id) if holder else None

    def _begin(self, principal: Principal, request_id: str | None) -> str:
        assert principal.key_id is not None
        with self._database.transaction() as connection:
            token = sessions.begin(connection, principal.key_id, self._settings.dashboard_session_lifetime)
            whom = ("key", principal.key_id)
            audit.record(
                connection, actor=principal.name, action="dashboard.sign_in", subject=whom, request_id=request_id
            )
        return token

    def _end(self, token: str, of_all: Principal | None) -> None:
        with self._database.transaction() as connection:
            if of_all is not None and of_all.key_id is not None:
                sessions.end_all(connection, of_all.key_id)
            else:
                sessions.end(connection, token)

    def _cookie(self, request: AnyRequest, value: str, max_age_s: int) -> Cookie:
        return Cookie(
            key=COOKIE,
            value=value,
            path="/dashboard",
            max_age=max_age_s,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )


def refuse_other_origins(request: AnyRequest) -> None:
    """A page of somebody else must not press our buttons.

    Raises:
        ProblemError: 403
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        is_ours = site == "same-origin"
    else:
        origin = request.headers.get("origin", "")
        is_ours = bool(origin) and origin.partition("://")[2].lower() == request.headers.get("host", "").lower()
    if not is_ours:
        raise ProblemError(Problem("other-origin", 403, "this form was sent from a page of another origin"))


def local_path(path: str) -> str:
    """`path` if it is an address of the dashboard, else its first page: a sign-in must lead nowhere else."""
    is_ours = path == "/dashboard" or path.startswith(("/dashboard/", "/dashboard?"))
    return path if is_ours and "\\" not in path and path.isprintable() and path.isascii() else "/dashboard"
