"""Every page, as people with all kinds of needs have it: light, dark, narrow, by screen reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from aeon_jobs.api.dashboard.pages import ROUTES
from tests.dashboard.conftest import Dashboard, Person, address_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MOST_BYTES = 150_000
PATHS = [page.path for page in ROUTES.pages]
OTHERS: dict[str, Callable[[Dashboard], str]] = {
    "a job that waits": lambda d: f"/jobs/{d.samples.dependent}",
    "a job that runs": lambda d: f"/jobs/{d.samples.running}",
    "hostile content": lambda d: f"/jobs/{d.hostile}",
    "a queue": lambda d: "/queues?name=billing",
    "an empty list": lambda d: "/jobs?job_type=none",
    "a filter that is wrong": lambda d: "/jobs?created_after=yesterday",
    "one cause": lambda d: "/dead-letters?state=all&fingerprint=none",
}
"""The same pages, as they look otherwise."""


@pytest.fixture(scope="module")
def window(browser: Browser, dashboard: Dashboard) -> Iterator[Person]:
    """One for all pages: a new one for each costs as much as all that is looked at. Its cache is off, as on a first visit."""
    window = Person(browser, dashboard, "admin")
    window.context.new_cdp_session(window.page).send("Network.setCacheDisabled", {"cacheDisabled": True})
    yield window
    window.context.close()


@pytest.fixture
def somebody(window: Person) -> Iterator[Person]:
    window.page.set_viewport_size({"width": 1280, "height": 800})
    window.page.emulate_media(color_scheme="light")
    yield window
    assert window.faults() == []


@pytest.mark.parametrize("path", [*PATHS, *OTHERS])
def test_a_page_can_be_read_by_everybody(path: str, somebody: Person, dashboard: Dashboard) -> None:
    sizes: list[int] = []

    def count(request: Any) -> None:
        sizes.append(request.sizes()["responseBodySize"])

    somebody.page.on("requestfinished", count)
    samples = dashboard.samples
    page = somebody.open(OTHERS[path](dashboard) if path in OTHERS else address_of(path, samples, samples.failed))
    page.remove_listener("requestfinished", count)

    assert page.locator("h1").count() == 1
    assert page.title().endswith("· aeon-jobs")
    assert sum(sizes) < MOST_BYTES
    assert _violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert _violations(page, "color-contrast") == []
    # A phone; and 200 % zoom of the window above is 640 wide.
    for width in (360, 640):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"the page is wider than {width}"


def test_the_sign_in_page_can_be_read_by_everybody(person: Callable[..., Person]) -> None:
    page = person(None).open("/sign-in")
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
