"""/api/keys: who may call. /api/me: who calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.params import JSONBody, PathParameter

from aeon_jobs.api.body import ApiRequest
from aeon_jobs.api.callers import Role
from aeon_jobs.api.errors import refused
from aeon_jobs.api.journal import note
from aeon_jobs.api.schemas import Form, Instant, Key
from aeon_jobs.api.services import Given
from aeon_jobs.persistence.admin import api_keys

RoleName = Literal["viewer", "submitter", "operator", "admin"]
KeyId = Annotated[str, PathParameter(min_length=1, max_length=16)]


class KeyForm(Form):
    name: Key
    role: RoleName
    expires_at: Instant | None = None


class NewKey(msgspec.Struct, frozen=True):
    id: str
    name: str
    role: RoleName
    key: str
    """Shown this once."""
    expires_at: datetime | None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    role: RoleName
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""
    revoked_at: datetime | None
    revoked_by: str | None


class Me(msgspec.Struct, frozen=True):
    name: str
    role: RoleName
    key_id: str | None


@get("/", opt={"role": Role.ADMIN}, sync_to_thread=True, summary="API keys")
def index(services: Given) -> list[ApiKey]:
    """Every key ever made; never the secret, of which only a digest is stored."""
    with services.database.connection() as connection:
        return [_view(key) for key in api_keys.all_keys(connection)]


@post("/", opt={"role": Role.ADMIN}, sync_to_thread=True, summary="Make an API key")
def create(data: JSONBody[KeyForm], request: ApiRequest, services: Given) -> Response[NewKey]:
    """Its name becomes the `created_by` of what it submits. Two keys may share a name: so one is rotated."""
    if data.expires_at is not None and data.expires_at <= datetime.now(UTC):
        raise refused("expires_at", "must be in the future")
    with services.database.transaction() as connection:
        key = api_keys.create(connection, data.name, data.role, data.expires_at, by=request.user.name)
        key_id = api_keys.key_id_of(key) or ""
        note(connection, request, "key.create", ("key", key_id), after=data.model_dump())
    # No cache on the way may keep a secret.
    return Response(NewKey(key_id, data.name, data.role, key, data.expires_at), headers={"Cache-Control": "no-store"})


@delete("/{key_id:str}", opt={"role": Role.ADMIN}, status_code=200, sync_to_thread=True, summary="Revoke an API key")
def revoke(key_id: KeyId, request: ApiRequest, services: Given) -> ApiKey:
    """It works nowhere from two seconds after this on."""
    with services.database.transaction() as connection:
        key = api_keys.revoke(connection, key_id, by=request.user.name)
        note(connection, request, "key.revoke", ("key", key_id))
    services.doorkeeper.forget()
    return _view(key)


@get("/api/me", opt={"role": Role.VIEWER}, sync_to_thread=False, summary="Whose key this is", tags=["API keys"])
def me(request: ApiRequest) -> Me:
    role: RoleName = str(request.user.role)  # type: ignore[assignment]
    return Me(request.user.name, role, request.user.key_id)


def _view(key: api_keys.ApiKey) -> ApiKey:
    return ApiKey(**{name: getattr(key, name) for name in ApiKey.__struct_fields__})


router = Router("/api/keys", route_handlers=[index, create, revoke], tags=["API keys"])
