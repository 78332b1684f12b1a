"""Who may do what: every route against every role, and nothing is open that is not meant to be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from tests.integration.conftest import ApiClient, ApiClients

ROLES = ("viewer", "submitter", "operator", "admin")

# The table that docs/api.md shows. A route that is missing here fails the test below.
NEEDED = {
    "GET /health": None,
    "GET /": None,
    "GET /api/docs": None,
    "GET /api/docs/{id}": None,
    "GET /api/openapi.json": None,
    "GET /health/live": None,
    "GET /health/ready": None,
    "GET /metrics": "viewer",
    "GET /api/jobs": "viewer",
    "POST /api/jobs": "submitter",
    "GET /api/jobs/metrics": "viewer",
    "GET /api/jobs/metrics/history": "viewer",
    "GET /api/jobs/{id}": "viewer",
    "PATCH /api/jobs/{id}": "operator",
    "DELETE /api/jobs/{id}": "submitter",
    "GET /api/jobs/{id}/explain": "viewer",
    "GET /api/jobs/{id}/logs": "viewer",
    "POST /api/jobs/{id}/retry": "operator",
    "POST /api/jobs/{id}/requeue": "operator",
    "POST /api/jobs/bulk": "submitter",
    "POST /api/jobs/bulk/cancel": "operator",
    "POST /api/jobs/bulk/retry": "operator",
    "POST /api/jobs/bulk/change": "operator",
    "GET /api/jobs/by-prefix/{id}": "viewer",
    "GET /api/dead-letters": "viewer",
    "GET /api/dead-letters/groups": "viewer",
    "GET /api/dead-letters/{id}": "viewer",
    "DELETE /api/dead-letters/{id}": "operator",
    "POST /api/dead-letters/{id}/requeue": "operator",
    "POST /api/dead-letters/bulk/requeue": "operator",
    "POST /api/dead-letters/bulk/discard": "operator",
    "GET /api/bulk-changes": "viewer",
    "POST /api/bulk-changes": "operator",
    "POST /api/bulk-changes/count": "operator",
    "GET /api/bulk-changes/{id}": "viewer",
    "DELETE /api/bulk-changes/{id}": "operator",
    "GET /api/system": "viewer",
    "GET /api/archive": "viewer",
    "POST /api/archive/run": "admin",
    "GET /api/workflows": "viewer",
    "POST /api/workflows": "submitter",
    "GET /api/workflows/{id}": "viewer",
    "GET /api/workflows/{id}/graph": "viewer",
    "POST /api/workflows/{id}/steps/{id}/signal": "operator",
    "DELETE /api/workflows/{id}": "operator",
    "POST /api/workflows/{id}/close": "submitter",
    "POST /api/workflows/{id}/retry-failed": "operator",
    "GET /api/schedules": "viewer",
    "POST /api/schedules": "operator",
    "POST /api/schedules/preview": "viewer",
    "GET /api/schedules/{id}": "viewer",
    "PATCH /api/schedules/{id}": "operator",
    "DELETE /api/schedules/{id}": "operator",
    "GET /api/schedules/{id}/upcoming": "viewer",
    "POST /api/schedules/{id}/run": "operator",
    "POST /api/schedules/{id}/backfill": "operator",
    "GET /api/schedules/{id}/runs": "viewer",
    "GET /api/queues": "viewer",
    "GET /api/queues/{id}": "viewer",
    "PATCH /api/queues/{id}": "operator",
    "DELETE /api/queues/{id}": "operator",
    "POST /api/queues/{id}/purge": "operator",
    "POST /api/queues/{id}/pause": "operator",
    "POST /api/job-types/{id}/pause": "operator",
    "POST /api/job-types/{id}/resume": "operator",
    "GET /api/job-types/{id}/limits": "viewer",
    "PUT /api/job-types/{id}/limits": "operator",
    "DELETE /api/job-types/{id}/limits": "operator",
    "POST /api/queues/{id}/resume": "operator",
    "GET /api/workers": "viewer",
    "GET /api/workers/{id}": "viewer",
    "DELETE /api/workers/{id}": "operator",
    "POST /api/workers/{id}/quiet": "operator",
    "POST /api/workers/{id}/resume": "operator",
    "GET /api/job-types": "viewer",
    "GET /api/job-types/{id}": "viewer",
    "GET /api/keys": "admin",
    "POST /api/keys": "admin",
    "DELETE /api/keys/{id}": "admin",
    "GET /api/me": "viewer",
    "GET /api/events": "viewer",
    "GET /api/jobs/{id}/events": "viewer",
    "GET /api/audit-log": "admin",
}


def test_every_route_against_every_role(api: ApiClients) -> None:
    assert _routes(api) == NEEDED
    bad_event_id = {"last-event-id": "none"}  # or the stream would never end
    for route, needed in NEEDED.items():
        method, path = route.split()
        path = path.replace("{id}", "7" if "dead-letters" in path or "bulk-changes" in path else str(uuid4()))
        nobody = api.nobody.request(method, path).status_code
        assert (nobody == 401) == (needed is not None), route
        for role in ROLES:
            status = api.of_role(role).request(method, path, headers=bad_event_id).status_code
            allowed = needed is None or Role.named(role) >= Role.named(needed)
            assert status != 401, (route, role)
            assert (status != 403) == allowed, (route, role, status)
            assert status < 500, (route, role, status)


def test_a_key_works_in_either_header(api: ApiClients) -> None:
    key = str(api.viewer.key)

    assert api.nobody.get("/api/me", headers={"x-api-key": key}).json()["name"] == "the-viewer"
    assert api.nobody.get("/api/me", headers={"authorization": f"bearer {key}"}).json()["role"] == "viewer"


@pytest.mark.parametrize("damage", [lambda k: k[:-1], lambda k: k + "x", lambda k: k[:-4] + "aaaa", lambda _: ""])
def test_a_key_that_is_not_quite_right_is_refused(api: ApiClients, damage: object) -> None:
    assert callable(damage)
    answer = api.nobody.get("/api/me", headers={"authorization": f"Bearer {damage(str(api.viewer.key))}"})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_only_a_digest_of_a_key_is_stored(api: ApiClients, database: Database) -> None:
    with database.connection() as connection:
        stored = str(connection.execute(text("SELECT * FROM job_api_keys")).all())

    # The secret may have underscores of its own.
    assert str(api.viewer.key).split("_", 2)[2] not in stored


def test_an_expired_key_is_refused(api: ApiClients, database: Database) -> None:
    with database.transaction() as connection:
        key = api_keys.create(connection, "late", "admin", expires_at=datetime.now(UTC) - timedelta(seconds=1))

    assert ApiClient(api.client, key).get("/api/me").status_code == 401


def test_a_key_is_made_shown_once_used_and_revoked(api: ApiClients) -> None:
    made = api.admin.post("/api/keys", json={"name": "ci", "role": "submitter"})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    caller = ApiClient(api.client, made.json()["key"])
    assert caller.get("/api/me").json() == {"name": "ci", "role": "submitter", "key_id": made.json()["id"]}

    revoked = api.admin.delete(f"/api/keys/{made.json()['id']}")

    assert revoked.json()["revoked_by"] == "the-admin"
    assert caller.get("/api/me").status_code == 401
    assert api.admin.delete(f"/api/keys/{made.json()['id']}").status_code == 404
    listed = api.admin.get("/api/keys")
    assert made.json()["key"] not in listed.text
    actions = [entry["action"] for entry in api.admin.get("/api/audit-log").json()["items"]]
    assert actions == ["key.revoke", "key.create"]


def _routes(api: ApiClients) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for route in api.app.routes:
        if route.path.startswith("/dashboard"):
            continue  # asks for a session, not for a key: tests/dashboard
        for handler in getattr(route, "route_handlers", []):
            for method in handler.http_methods - {"OPTIONS"}:
                names = (part if isinstance(part, str) else "{id}" for part in route.path_components)
                role = handler.opt.get("role")
                assert handler.opt.get("public") or role is not None, f"{route.path} is closed to everybody"
                found[f"{method} /{'/'.join(names)}"] = str(role) if role else None
    return found
