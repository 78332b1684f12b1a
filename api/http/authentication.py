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
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.api.http.errors import Problem, ProblemError
from aeon_jobs.api.http.rate_limits import Grant, RateLimits
from aeon_jobs.api.service.core.errors import Forbidden
from aeon_jobs.api.service.core.principals import ANYBODY, Principal, Role
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings

REMEMBER_S = 2.0
_MOST_REMEMBERED = 10_000
Connection = ASGIConnection[Any, Any, Any, Any]
"""A request, before it is known what for."""


class Authenticator:
    """Knows principals by their keys."""

    def __init__(self, database: Database, limits: RateLimits, settings: Settings) -> None:
        self._database, self._limits, self._settings = database, limits, settings
        self._remembered: dict[bytes, tuple[Principal, float]] = {}
        self._valid_until: dict[str, float] = {}

    async def authenticate(self, connection: Connection) -> tuple[Principal, Grant | None]:
        """
        Raises:
            ProblemError: 401; 429 after too many of those, or when the key is used too often.
        """
        if not self._settings.api_auth_enabled:
            return ANYBODY, await self.count(ANYBODY)
        principal = await self.principal_of(_presented_key(connection), connection)
        return principal, await self.count(principal)

    async def principal_of(self, key: str | None, connection: Connection) -> Principal:
        """Whose key it is.

        Raises:
            ProblemError: 401; 429 after too many of those.
        """
        principal = await self._principal(key)
        if principal is None:
            client = connection.client.host if connection.client else "unknown"
            await self._limits.take(f"failures:{client}", self._settings.api_auth_failure_limit)
            raise ProblemError(_unauthorized("a valid API key is needed"))
        return principal

    async def count(self, principal: Principal) -> Grant | None:
        """Take a request from the limit of the principal's key.

        Raises:
            ProblemError: 429
        """
        bucket = f"key:{principal.key_id}" if principal.key_id else principal.name
        return await self._limits.take(bucket, self._settings.api_rate_limit)

    def forget(self) -> None:
        """A key was revoked: remember nobody."""
        self._remembered.clear()
        self._valid_until.clear()

    async def is_still_valid(self, principal: Principal) -> bool:
        """Whether the key of an open stream is neither revoked nor expired; remembered for REMEMBER_S too.

        True while PostgreSQL is away: what a stream tells comes from there, and the next event asks again.
        """
        key_id = principal.key_id
        if key_id is None or time.monotonic() < self._valid_until.get(key_id, 0.0):
            return True
        try:
            is_valid = await sync_to_thread(self._is_valid, key_id)
        except SQLAlchemyError:
            return True
        if not is_valid:
            return False
        if len(self._valid_until) >= _MOST_REMEMBERED:
            self._valid_until.clear()
        self._valid_until[key_id] = time.monotonic() + REMEMBER_S
        return True

    def _is_valid(self, key_id: str) -> bool:
        with self._database.connection() as connection:
            return api_keys.is_valid(connection, key_id)

    async def _principal(self, key: str | None) -> Principal | None:
        if key is None or api_keys.key_id_of(key) is None:
            return None
        # Never the key itself: memory ends up in core dumps.
        digest = hashlib.sha256(key.encode()).digest()
        principal, until = self._remembered.get(digest, (None, 0.0))
        if principal and time.monotonic() < until:
            return principal
        principal = await sync_to_thread(self._look_up, key)
        if principal:
            self._remember(digest, principal)
        return principal

    def _look_up(self, key: str) -> Principal | None:
        with self._database.transaction() as connection:
            holder = api_keys.authenticate(connection, key)
        return Principal(holder.name, Role.named(holder.role), holder.key_id) if holder else None

    def _remember(self, digest: bytes, principal: Principal) -> None:
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = (principal, time.monotonic() + REMEMBER_S)


class Authentication(AbstractAuthenticationMiddleware):
    """Puts the principal into `request.user`."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        super().__init__(app, exclude_from_auth_key="public", scopes={ScopeType.HTTP})
        self._authenticator = authenticator

    async def authenticate_request(self, connection: Connection) -> AuthenticationResult:
        principal, grant = await self._authenticator.authenticate(connection)
        if grant:
            connection.scope["state"]["rate_limit_headers"] = grant.headers
        return AuthenticationResult(user=principal, auth=None)


async def permitted(connection: Connection, handler: BaseRouteHandler) -> None:
    """The guard of every route. A coroutine, since Litestar would run a function in a thread.

    Raises:
        Forbidden
    """
    if handler.opt.get("public") or connection.scope.get("method") == "OPTIONS":
        return
    needed: Role | None = handler.opt.get("role")
    principal: Principal = connection.user
    if needed is None or not principal.may(needed):
        raise Forbidden(principal, needed)


def _unauthorized(detail: str) -> Problem:
    return Problem("unauthorized", 401, detail, headers={"WWW-Authenticate": 'Bearer realm="aeon-jobs"'})


def _presented_key(connection: Connection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return connection.headers.get("x-api-key")
