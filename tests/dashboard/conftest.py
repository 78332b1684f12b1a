"""One database, one API process and one browser for all tests of the dashboard; `person` opens pages as somebody.

They are skipped where no Chromium is: `apt install chromium`, or CHROMIUM=/path/of/it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from aeon_jobs.api.service import Jobs
from aeon_jobs.persistence.admin import api_keys, bulk_changes, sessions
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import load_settings
from tests.api_process import api_process
from tests.conftest import database_from
from tests.dashboard.samples import Samples, add_hostile, fill
from tests.dashboard.shop import Shown
from tests.leaks import ignore

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

LIFETIME_MS = 3_600_000
_WATCH = """
    window.violations = []
    const see = (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`)
    document.addEventListener("securitypolicyviolation", see)
"""


def address_of(path: str, shown: Samples | Shown, job_id: UUID) -> str:
    """Of the page with this path, with what `shown` has for it."""
    ids = {"schedule_id": shown.schedule, "workflow_id": shown.workflow, "change_id": shown.bulk_change}
    ids |= {"dead_letter_id": shown.dead_letter, "fingerprint": shown.fingerprint, "name": "send_invoice"}
    return "" if path == "/" else path.format(job_id=job_id, **ids)


def end_bulk_change(page: Page, dashboard: Dashboard, done: str) -> None:
    """The page says `done`; or that the change is begun: on a busy machine the request leaves the rest to a dispatcher."""
    said = page.get_by_role("status").last.inner_text()
    assert said in {done, "It is begun. This page shows how far it is; you may leave it"}
    bulk_changes.go_on(dashboard.database, limit_s=60)


@dataclass
class Dashboard:
    """A system with samples, and its API."""

    address: str
    database: Database
    jobs: Jobs
    keys: dict[str, str]
    samples: Samples

    @cached_property
    def hostile(self) -> UUID:
        """Made when it is asked for first: not in the pictures."""
        return add_hostile(self.database)

    def token(self, role: str) -> str:
        """Of a new session."""
        with self.database.transaction() as connection:
            return sessions.begin(connection, api_keys.key_id_of(self.keys[role]) or "", LIFETIME_MS)


class Person:
    """Somebody with a browser window. Its faults are collected: errors of the console, the policy, requests to elsewhere."""

    def __init__(self, browser: Browser, dashboard: Dashboard, role: str | None, **options: Any) -> None:
        self.dashboard = dashboard
        self.context: BrowserContext = browser.new_context(locale="en-GB", timezone_id="Europe/Berlin", **options)
        self.context.add_init_script(_WATCH)
        self.context.set_default_timeout(10_000)
        if role:
            cookie = {
                "name": "aeon_jobs_session",
                "value": dashboard.token(role),
                "url": f"{dashboard.address}/dashboard",
            }
            self.context.add_cookies([cookie])  # type: ignore[list-item]
        self._faults: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self._faults.append(str(error)))
        self.page.on("request", self._see)

    def open(self, path: str = "") -> Page:
        self.page.goto(f"{self.dashboard.address}/dashboard{path}", wait_until="load")
        return self.page

    def faults(self) -> list[str]:
        return self._faults + list(self.page.evaluate("window.violations ?? []"))

    def _hear(self, line: Any) -> None:
        # The browser tells of each form that was refused on purpose.
        if line.type == "error" and not re.search("responded with a status of 4(00|01)", line.text):
            self._faults.append(line.text)

    def _see(self, request: Any) -> None:
        if not request.url.startswith((self.dashboard.address, "data:")):
            self._faults.append(f"a request to {request.url}")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        pytest.skip("no Chromium is here: apt install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="package")
def dashboard(postgres_url: str, redis_url: str, _template: str) -> Iterator[Dashboard]:
    with ExitStack() as stack:
        url = stack.enter_context(database_from(_template, postgres_url))
        settings = load_settings(database_url=url, redis_url=redis_url)
        database = Database(settings.postgres_dsn, schema=settings.job_schema)
        stack.callback(database.dispose)
        jobs = stack.enter_context(Jobs.from_settings(settings, name="the-admin"))
        with database.transaction() as connection:
            keys = {role: api_keys.create(connection, f"the-{role}", role) for role in api_keys.ROLES}
        samples = fill(database, jobs)
        environment = {"DATABASE_URL": url, "REDIS_URL": redis_url, "REDIS_QUEUE_PREFIX": "dashboard-tests"}
        api = stack.enter_context(api_process(**environment))
        ignore(api.pid)
        yield Dashboard(api.address, database, jobs, keys, samples)


@pytest.fixture
def person(browser: Browser, dashboard: Dashboard) -> Iterator[Callable[..., Person]]:
    """`person("operator")` opens a window for one of that role. The test fails if a window had faults."""
    opened: list[Person] = []

    def open_window(role: str | None = "admin", **options: Any) -> Person:
        opened.append(Person(browser, dashboard, role, **options))
        return opened[-1]

    yield open_window
    faults = [fault for one in opened for fault in one.faults()]
    for one in opened:
        one.context.close()
    assert faults == [], json.dumps(faults)[:2_000]
