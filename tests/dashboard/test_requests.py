"""What the dashboard refuses, and to whom; and what it costs PostgreSQL. Without a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
import redis
from litestar.testing import TestClient

from aeon_jobs.api.dashboard.page import Action, Page
from aeon_jobs.api.dashboard.pages import ROUTES
from aeon_jobs.api.http.app import Api, create_app
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.persistence.admin import api_keys, sessions
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from tests.dashboard.samples import IMPORT, INVOICE
from tests.reused_database import database_url, reused_database  # noqa: F401
from tests.rows import add_job, register, rows, value

OURS = {"Sec-Fetch-Site": "same-origin"}
ROLES = tuple(api_keys.ROLES)
Dashboards = Callable[..., "Visitor"]


class Visitor:
    def __init__(self, client: TestClient[Api], token: str | None) -> None:
        self._client, self._cookies = client, {"cookie": f"aeon_jobs_session={token}"} if token else {}

    def get(self, path: str = "", **headers: str) -> httpx.Response:
        return self._client.get(f"/dashboard{path}", headers={**self._cookies, **headers}, follow_redirects=False)

    def post(self, path: str, form: dict[str, Any] | None = None, headers: dict[str, str] = OURS) -> httpx.Response:
        return self._client.post(
            f"/dashboard{path}", data=form or {}, headers={**self._cookies, **headers}, follow_redirects=False
        )

    def send(self, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return self._client.post(f"/dashboard{path}", content=body, headers={**self._cookies, **headers})


@pytest.fixture
def visitor(environment: Settings, database: Database, redis_client: redis.Redis) -> Iterator[Dashboards]:
    """`visitor("viewer")` is signed in with a key of that role."""
    register(database, INVOICE, IMPORT)
    with database.transaction() as connection:
        keys = {role: api_keys.create(connection, f"the-{role}", role) for role in ROLES}
    clients: list[TestClient[Api]] = []

    def of(role: str | None, **settings: Any) -> Visitor:
        clients.append(TestClient(create_app(environment.model_copy(update=settings)), raise_server_exceptions=False))
        clients[-1].__enter__()
        if role is None:
            return Visitor(clients[-1], None)
        with database.transaction() as connection:
            return Visitor(clients[-1], sessions.begin(connection, api_keys.key_id_of(keys[role]) or "", 60_000))

    yield of
    for client in clients:
        client.__exit__(None, None, None)


def _address(path: str) -> str:
    return re.sub(
        r"\{\w+\}", lambda match: "7" if match[0] in ("{dead_letter_id}", "{change_id}") else str(UUID(int=7)), path
    )


def test_nobody_sees_or_does_anything_without_a_session(visitor: Dashboards) -> None:
    nobody = visitor(None)
    for page in ROUTES.pages:
        answer = nobody.get(_address(page.path))
        assert (answer.status_code, answer.headers["location"][:24]) == (303, "/dashboard/sign-in?next="), page.path
    for action in ROUTES.actions:
        answer = nobody.post(_address(action.path))
        assert (answer.status_code, answer.headers["location"][:24]) == (303, "/dashboard/sign-in?next="), action.path
    assert nobody.get("/live?page=/dashboard").status_code == 204


@pytest.mark.parametrize("role", ROLES)
def test_every_page_and_action_asks_for_its_role(visitor: Dashboards, role: str) -> None:
    somebody = visitor(role)
    for page in ROUTES.pages:
        assert (somebody.get(_address(page.path)).status_code == 403) == (not _may(role, page)), page.path
    for action in ROUTES.actions:
        assert (somebody.post(_address(action.path)).status_code == 403) == (not _may(role, action)), action.path


def _may(role: str, thing: Page | Action) -> bool:
    return Role.named(role) >= thing.role


def test_actions_ask_for_the_roles_that_the_api_asks_for() -> None:
    """What a submitter may do: submit, and cancel its own. Views are everybody's own."""
    for_submitters = {action.path for action in ROUTES.actions if action.role < Role.OPERATOR}
    assert for_submitters == {
        "/jobs/{job_id}/cancel",
        "/job-types/{name}/submit",
        "/jobs/save-view",
        "/jobs/remove-view",
    }


def test_a_submitter_cancels_its_own_jobs_only(visitor: Dashboards, database: Database) -> None:
    own, other = (add_job(database, job_type="import_file", created_by=by) for by in ("the-submitter", "somebody"))
    submitter = visitor("submitter")
    assert "Cancel job" in submitter.get(f"/jobs/{own}").text
    assert "Cancel job" not in submitter.get(f"/jobs/{other}").text
    for job_id in (own, other):
        assert submitter.post(f"/jobs/{job_id}/cancel").status_code == 303
    states = [value(database, "SELECT status::text FROM jobs WHERE id = :id", id=job_id) for job_id in (own, other)]
    assert states == ["cancelled", "pending"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver.local"},
    ],
)
def test_a_page_of_another_origin_changes_nothing(
    visitor: Dashboards, database: Database, headers: dict[str, str]
) -> None:
    job_id = add_job(database, job_type="import_file")
    admin = visitor("admin")
    for path in (f"/jobs/{job_id}/cancel", "/sign-out", "/sign-in"):
        assert admin.post(path, headers=headers).status_code == 403, path
    assert value(database, "SELECT status::text FROM jobs WHERE id = :id", id=job_id) == "pending"
    assert admin.get("/jobs").status_code == 200


def test_an_old_browser_says_its_origin(visitor: Dashboards, database: Database) -> None:
    job_id = add_job(database, job_type="import_file")
    admin = visitor("admin")
    answer = admin.post(
        f"/jobs/{job_id}/cancel", headers={"Origin": "http://testserver.local", "Host": "testserver.local"}
    )
    assert answer.headers["location"] == f"/dashboard/jobs/{job_id}"
    assert value(database, "SELECT status::text FROM jobs WHERE id = :id", id=job_id) == "cancelled"


def test_read_only_means_nobody(visitor: Dashboards, database: Database) -> None:
    job_id = add_job(database, job_type="import_file")
    admin = visitor("admin", dashboard_read_only=True)
    for action in ROUTES.actions:
        assert admin.post(_address(action.path)).status_code == 403, action.path
    page = admin.get(f"/jobs/{job_id}").text
    assert "read-only" in page
    assert re.findall(r'<form[^>]*method="post"[^>]*action="([^"]*)"', page) == ["/dashboard/sign-out"]


def test_it_can_be_switched_off(visitor: Dashboards) -> None:
    assert visitor(None, dashboard_enabled=False).get().status_code == 404


def test_without_authentication_there_is_no_sign_in(visitor: Dashboards) -> None:
    anybody = visitor(None, api_auth_enabled=False)
    assert anybody.get("/jobs").status_code == 200
    assert anybody.get("/sign-in").headers["location"] == "/dashboard"
    assert "Sign out" not in anybody.get("/jobs").text


def test_a_viewer_is_shown_no_form_that_changes_anything(visitor: Dashboards, database: Database) -> None:
    viewer = visitor("viewer")
    job_id = add_job(database, job_type="import_file")
    for path in (
        "",
        "/jobs",
        f"/jobs/{job_id}",
        "/dead-letters",
        "/schedules",
        "/workflows",
        "/job-types/send_invoice",
    ):
        page = viewer.get(path)
        assert page.status_code == 200, path
        posts = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]*)"', page.text)
        assert posts == ["/dashboard/sign-out"], path


@pytest.mark.parametrize("role", ROLES)
def test_who_may_not_do_a_thing_is_not_shown_it(visitor: Dashboards, database: Database, role: str) -> None:
    add_job(database, job_type="import_file")
    somebody = visitor(role)
    assert ("Retry…" in somebody.get("/jobs").text) == (role in ("operator", "admin"))
    assert ("Submit a job" in somebody.get("/job-types/send_invoice").text) == (role != "viewer")


def test_the_headers_are_strict(visitor: Dashboards) -> None:
    answer = visitor("viewer").get("/jobs")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert not re.search(r'\son\w+="|<script(?![^>]*src=)|\sstyle="', answer.text)


@pytest.mark.parametrize(
    "where", ["//evil.example", "https://evil.example", "/api/docs", "/dashboard/../api", "/\\evil", "/dashboardx"]
)
def test_a_sign_in_leads_nowhere_else(visitor: Dashboards, where: str) -> None:
    answer = visitor("viewer").get("/sign-in?next=" + where)
    assert answer.headers["location"] in ("/dashboard", "/dashboard/../api")


def test_wrong_keys_are_counted(visitor: Dashboards) -> None:
    nobody = visitor(None, api_auth_failure_limit=3)
    answers = [nobody.post("/sign-in", {"key": "aeon_wrong"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert "set-cookie" not in answers[-1].headers


def test_sign_out_everywhere_ends_every_session_of_the_key(visitor: Dashboards, database: Database) -> None:
    one, other, third = visitor("viewer"), visitor("viewer"), visitor("admin")
    one.post("/sign-out", {"everywhere": "1"})
    assert value(database, "SELECT count(*) FROM job_dashboard_sessions") == 1
    assert (one.get("/jobs").status_code, other.get("/jobs").status_code, third.get("/jobs").status_code) == (
        303,
        303,
        200,
    )


def test_an_expired_session_is_over_and_only_a_digest_is_stored(visitor: Dashboards, database: Database) -> None:
    viewer = visitor("viewer")
    token = viewer._cookies["cookie"].partition("=")[2]
    assert token not in str(rows(database, "SELECT encode(token_hash, 'escape') FROM job_dashboard_sessions"))
    rows(database, "UPDATE job_dashboard_sessions SET expires_at = now()")
    assert viewer.get("/jobs").status_code == 303


def test_a_sign_in_is_in_the_audit_log(visitor: Dashboards, database: Database) -> None:
    with database.transaction() as connection:
        key = api_keys.create(connection, "ann", "viewer")
    answer = visitor(None).post("/sign-in", {"key": key, "next": "/dashboard/jobs"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/jobs")
    assert rows(database, "SELECT actor, action FROM job_audit_log") == [("ann", "dashboard.sign_in")]


def test_unknown_pages_and_ids_have_a_page_that_says_so(visitor: Dashboards) -> None:
    viewer = visitor("viewer")
    paths = (
        "/nothing",
        "/jobs/nothing",
        f"/jobs/{UUID(int=7)}",
        "/dead-letters/7",
        "/schedules/x",
        "/workflows/x",
        "/job-types/x",
    )
    for path in paths:
        answer = viewer.get(path)
        assert (answer.status_code, "<h1>Not found</h1>" in answer.text) == (404, True), path


def test_the_address_of_an_answer_to_a_form_leads_back_to_the_page(visitor: Dashboards) -> None:
    viewer = visitor("viewer")
    assert viewer.get("/jobs/preview").headers["location"] == "/dashboard/jobs"
    assert visitor("operator").get("/schedules/new").status_code == 200
    assert viewer.get(f"/jobs/{UUID(int=7)}/change").headers["location"] == f"/dashboard/jobs/{UUID(int=7)}"
    assert viewer.get("/job-types/send_invoice/submit").headers["location"] == "/dashboard/job-types/send_invoice"


def test_a_filter_that_breaks_a_rule_is_told_in_place(visitor: Dashboards) -> None:
    viewer = visitor("viewer")
    assert "created_after" in viewer.get("/jobs?created_after=yesterday").text
    assert "key:value" in viewer.get("/jobs?q=what").text
    assert "cursor" in viewer.get("/jobs?cursor=x").text


def test_assets_are_kept_for_ever_and_packed(visitor: Dashboards) -> None:
    nobody = visitor(None)
    page = nobody.get("/sign-in").text
    address = re.search(r'href="/dashboard(/static/[^"]+\.css)"', page)
    assert address
    answer = nobody.get(address[1], **{"Accept-Encoding": "gzip"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert nobody.get("/static/other/dashboard.css").headers["cache-control"] == "no-store"
    assert nobody.get("/static/other/nothing.css").status_code == 404
