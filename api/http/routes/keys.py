"""/api/keys: who may call. /api/me: who calls."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, Router, delete, get, post
from litestar.params import JSONBody, PathParameter

from aeon_jobs.api.contract import ApiKey, Me, NewKey, NewKeyRequest, Page
from aeon_jobs.api.http.resources import Given, GivenResources
from aeon_jobs.api.service.core.principals import Role

KeyId = Annotated[str, PathParameter(min_length=1, max_length=16)]


@get("/", opt={"role": Role.ADMIN}, sync_to_thread=True, summary="API keys")
def index(jobs: Given) -> Page[ApiKey]:
    """Every key ever made; never the secret, of which only a digest is stored."""
    return Page(items=jobs.api_keys())


@post("/", opt={"role": Role.ADMIN}, sync_to_thread=True, summary="Make an API key")
def create(data: JSONBody[NewKeyRequest], jobs: Given) -> Response[NewKey]:
    """Its name becomes the `created_by` of what it submits. Two keys may share a name: so one is rotated."""
    # No cache on the way may keep a secret.
    return Response(jobs.create_key_as(data), headers={"Cache-Control": "no-store"})


@delete("/{key_id:str}", opt={"role": Role.ADMIN}, status_code=200, sync_to_thread=True, summary="Revoke an API key")
def revoke(key_id: KeyId, jobs: Given, resources: GivenResources) -> ApiKey:
    """It works nowhere from two seconds after this on."""
    key = jobs.revoke_key(key_id)
    resources.authenticator.forget()
    return key


@get("/api/me", opt={"role": Role.VIEWER}, sync_to_thread=False, summary="Whose key this is", tags=["API keys"])
def me(jobs: Given) -> Me:
    return jobs.me()


router = Router("/api/keys", route_handlers=[index, create, revoke], tags=["API keys"])
