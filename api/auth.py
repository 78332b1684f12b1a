"""Who is it, and may they? Every request but the public ones passes here before anything of its body is read.

1. The key is taken from `Authorization: Bearer …` or `X-API-Key`.
2. Its holder is looked up; an answer is remembered for REMEMBER_S, so a revoked key may work for that long.
3. The route names the role that it needs (`opt={"role": Role.OPERATOR}`). One that names none is closed to
all.
4. A token is taken from the key's rate limit. Failures take one from the limit of their address.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp

from aeon_jobs.api.callers import ANYBODY, Caller, Role
from aeon_jobs.api.errors import Problem, ProblemError
from aeon_jobs.api.rate_limits import Grant, RateLimits
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings

REMEMBER_S = 2.0
_MOST_REMEMBERED = 10_000
Connection = ASGIConnection[Any, Any, Any, Any]
"""A request, before it is known what for."""


class Doorkeeper:
    """Knows callers by their keys."""

    def __init__(self, database: Database, limits: RateLimits, settings: Settings) -> None:
        self._database, self._limits, self._settings = database, limits, settings
        self._remembered: dict[bytes, tuple[Caller, float]] = {}

    async def admit(self, connection: Connection) -> tuple[Caller, Grant | None]:
        """
        Raises:
            ProblemError: 401; 429 after too many of those, or when the key is used too often.
        """
        if not self._settings.api_auth_enabled:
            return ANYBODY, await self._limits.take("anonymous", self._settings.api_rate_limit)
        caller = await self._caller(_presented_key(connection))
        if caller is None:
            client = connection.client.host if connection.client else "unknown"
            await self._limits.take(f"failures:{client}", self._settings.api_auth_failure_limit)
            raise ProblemError(_unauthorized("a valid API key is needed"))
        return caller, await self._limits.take(f"key:{caller.key_id}", self._settings.api_rate_limit)

    def forget(self) -> None:
        """A key was revoked: remember nobody."""
        self._remembered.clear()

    async def _caller(self, key: str | None) -> Caller | None:
        if key is None or api_keys.key_id_of(key) is None:
            return None
        # Never the key itself: memory ends up in core dumps.
        digest = hashlib.sha256(key.encode()).digest()
        caller, until = self._remembered.get(digest, (None, 0.0))
        if caller and time.monotonic() < until:
            return caller
        caller = await sync_to_thread(self._look_up, key)
        if caller:
            self._remember(digest, caller)
        return caller

    def _look_up(self, key: str) -> Caller | None:
        with self._database.transaction() as connection:
            holder = api_keys.authenticate(connection, key)
        return Caller(holder.name, Role.named(holder.role), holder.key_id) if holder else None

    def _remember(self, digest: bytes, caller: Caller) -> None:
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = (caller, time.monotonic() + REMEMBER_S)


class Authentication(AbstractAuthenticationMiddleware):
    """Puts the caller into `request.user`."""

    def __init__(self, app: ASGIApp, doorkeeper: Doorkeeper) -> None:
        super().__init__(app, exclude_from_auth_key="public", scopes={ScopeType.HTTP})
        self._doorkeeper = doorkeeper

    async def authenticate_request(self, connection: Connection) -> AuthenticationResult:
        caller, grant = await self._doorkeeper.admit(connection)
        if grant:
            connection.scope["state"]["rate_limit_headers"] = grant.headers
        return AuthenticationResult(user=caller, auth=None)


async def permitted(connection: Connection, handler: BaseRouteHandler) -> None:
    """The guard of every route. A coroutine, since Litestar would run a function in a thread.

    Raises:
        ProblemError: 403.
    """
    if handler.opt.get("public") or connection.scope.get("method") == "OPTIONS":
        return
    needed: Role | None = handler.opt.get("role")
    caller: Caller = connection.user
    if needed is None or not caller.may(needed):
        raise ProblemError(forbidden(caller, needed))


def forbidden(caller: Caller, needed: Role | None) -> Problem:
    return Problem("forbidden", 403, f"this needs the role {needed}, and {caller.name} is {caller.role}")


def _unauthorized(detail: str) -> Problem:
    return Problem("unauthorized", 401, detail, headers={"WWW-Authenticate": 'Bearer realm="aeon-jobs"'})


def _presented_key(connection: Connection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return connection.headers.get("x-api-key")
