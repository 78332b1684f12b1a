"""Every page, as people with all kinds of needs have it: light, dark, narrow, by screen reader."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aeon_jobs.api.dashboard.pages import ROUTES
from tests.dashboard.conftest import Dashboard, Person
from tests.dashboard.samples import Samples

MOST_BYTES = 150_000
PICTURES = Path(__file__).parents[2] / "docs" / "dashboard"
PATHS: dict[str, Callable[[Samples], str]] = {
    "/": lambda s: "",
    "/jobs": lambda s: "/jobs",
    "/jobs/{job_id}": lambda s: f"/jobs/{s.failed}",
    "/dead-letters": lambda s: "/dead-letters",
    "/dead-letters/{dead_letter_id}": lambda s: f"/dead-letters/{s.dead_letter}",
    "/schedules": lambda s: "/schedules",
    "/schedules/new": lambda s: "/schedules/new",
    "/schedules/{schedule_id}": lambda s: f"/schedules/{s.schedule}",
    "/schedules/{schedule_id}/edit": lambda s: f"/schedules/{s.schedule}/edit",
    "/workflows": lambda s: "/workflows",
    "/workflows/{workflow_id}": lambda s: f"/workflows/{s.workflow}",
    "/job-types": lambda s: "/job-types",
    "/job-types/{name}": lambda s: "/job-types/send_invoice",
}
OTHERS: dict[str, Callable[[Samples], str]] = {
    "a job that waits": lambda s: f"/jobs/{s.dependent}",
    "a job that runs": lambda s: f"/jobs/{s.running}",
    "hostile content": lambda s: f"/jobs/{s.hostile}",
    "an empty list": lambda s: "/jobs?job_type=none",
    "a filter that is wrong": lambda s: "/jobs?created_after=yesterday",
    "one cause": lambda s: "/dead-letters?state=all&fingerprint=none",
}
"""The same pages, as they look otherwise."""


def test_no_page_is_missing_here() -> None:
    assert {page.path for page in ROUTES.pages} == set(PATHS)


@pytest.mark.parametrize("path", [*PATHS, *OTHERS])
def test_a_page_can_be_read_by_everybody(path: str, person: Callable[..., Person], dashboard: Dashboard) -> None:
    somebody = person("admin", viewport={"width": 1280, "height": 800})
    sizes: list[int] = []
    somebody.page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))

    page = somebody.open({**PATHS, **OTHERS}[path](dashboard.samples))

    assert page.locator("h1").count() == 1
    assert page.title().endswith("· aeon-jobs")
    assert sum(sizes) < MOST_BYTES
    _picture(page, path)
    assert _violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert _violations(page, "color-contrast") == []
    # A phone; and 200 % zoom of the window above is 640 wide.
    for width in (360, 640):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"the page is wider than {width}"


def test_the_sign_in_page_can_be_read_by_everybody(person: Callable[..., Person]) -> None:
    page = person(None).open("/sign-in")
    _picture(page, "/sign-in")
    assert _violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert _violations(page, "color-contrast") == []


def _violations(page: Any, rule: str | None = None) -> list[str]:
    """What axe finds, by all of its rules or by one."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    options = {"runOnly": [rule]} if rule else None
    found = axe.run(page, options=options).response["violations"]
    return [
        f"{broken['id']}: {node['html'][:200]} {node['failureSummary']}" for broken in found for node in broken["nodes"]
    ]


def _picture(page: Any, path: str) -> None:
    """For the documentation: DASHBOARD_PICTURES=1 writes them."""
    if os.environ.get("DASHBOARD_PICTURES") and path.startswith("/"):
        name = path.strip("/").replace("/{", "-").replace("}", "").replace("/", "-").replace("-", "_") or "overview"
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / f"{name}.png").write_bytes(page.screenshot(scale="css"))
