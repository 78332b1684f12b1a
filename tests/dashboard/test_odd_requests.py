"""Requests that no page of the dashboard sends, names with odd characters, and times that are none."""

from __future__ import annotations

import html
from urllib.parse import quote

import pytest

from aeon_jobs.api.dashboard.page import MOST_FIELDS, Ask, Viewer, parameters
from aeon_jobs.api.dashboard.pages import ROUTES
from aeon_jobs.api.service import Jobs
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from tests.dashboard.samples import IMPORT
from tests.dashboard.test_requests import OURS, Dashboards, visitor  # noqa: F401
from tests.reused_database import database_url, reused_database  # noqa: F401
from tests.rows import register, value

TYPED = {**OURS, "Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"reason=\xff", "UTF-8"),
        (b"a=&" * (MOST_FIELDS + 1), "at most 20,000 fields"),
        (b"name=default&reason=a%00b", "NUL"),
    ],
)
def test_a_form_that_is_none_is_told(visitor: Dashboards, body: bytes, rule: str) -> None:  # noqa: F811
    answer = visitor("admin").send("/queues/pause", body, TYPED)
    assert (answer.status_code, rule in answer.text) == (400, True)


@pytest.mark.parametrize("headers", [{"Origin": "http://["}, {**OURS, "Referer": "http://["}])
def test_a_header_that_is_no_address_is_no_error_of_ours(visitor: Dashboards, headers: dict[str, str]) -> None:  # noqa: F811
    assert visitor("admin").post("/jobs/x/cancel", headers=headers).status_code in (303, 403)


def test_an_address_with_too_many_parameters_is_told(visitor: Dashboards) -> None:  # noqa: F811
    assert visitor("viewer").get("/jobs?" + "a&" * (MOST_FIELDS + 1)).status_code == 400


def test_the_address_after_an_action_is_a_header(visitor: Dashboards) -> None:  # noqa: F811
    form = {"verb": "cancel", "id": "00000000-0000-0000-0000-000000000007", "filter": "job_type=ü\r\nX-Injected: 1"}
    answer = visitor("operator").post("/jobs/apply", form)
    assert answer.headers["location"] == "/dashboard/jobs?job_type=%C3%BC%0D%0AX-Injected:%201"
    assert "x-injected" not in answer.headers


@pytest.mark.parametrize("before", ["yesterday", "2026-01-01T00:00:00"])
def test_a_moment_that_is_none_is_told(
    visitor: Dashboards,  # noqa: F811
    environment: Settings,
    database: Database,
    before: str,
) -> None:
    viewer = visitor("viewer")
    with Jobs.from_settings(environment, name="ann") as jobs:
        schedule = jobs.create_schedule({"name": "nightly", "job_type": "import_file", "cron": "0 3 * * *"})
    answer = viewer.get(f"/schedules/{schedule.id}?before={before}")
    assert (answer.status_code, "before" in answer.text) == (400, True)


def test_a_job_type_of_any_name_has_a_page(visitor: Dashboards, database: Database) -> None:  # noqa: F811
    operator = visitor("operator")
    for name in ("mail/send", "50%", "a/../b", "ünï 🦊?#", "x/submit", "folder/"):
        register(database, IMPORT.model_copy(update={"name": name}))
        address = f"/job-types/{quote(name, safe='')}"
        page = operator.get(address)
        assert (page.status_code, html.escape(name) in page.text) == (200, True), name
        assert operator.post(f"{address}/submit", {"payload": "{}"}).status_code == 303, name
        assert value(database, "SELECT count(*) FROM jobs WHERE job_type = :name", name=name) == 1
        assert operator.get(f"{address}/submit").headers["location"] == f"/dashboard{address}"


def test_a_step_of_any_name_is_found() -> None:
    found = ROUTES.action("/workflows/7/steps/a/steps/b/signal")
    assert found
    assert found[1] == {"workflow_id": "7", "step": "a/steps/b"}


def test_addresses_of_different_pages_are_not_shared() -> None:
    """The last value of a name counts."""
    viewer = Viewer(Role.VIEWER, None, False)
    one, other = (Ask("/jobs", {}, parameters(query), viewer) for query in ("sort=b&sort=a", "sort=a&sort=b"))
    assert (one.get("sort"), other.get("sort")) == ("a", "b")
    assert one.query != other.query
    assert Ask("/jobs", {}, parameters("b=1&a=2"), viewer).query == "a=2&b=1"
