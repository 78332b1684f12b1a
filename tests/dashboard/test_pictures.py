"""The pictures of docs/dashboard.md, of a shop: `make rehearse-dashboard`, or DASHBOARD_PICTURES=1."""

from __future__ import annotations

import io
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aeon_jobs.api.dashboard.pages import ROUTES
from aeon_jobs.api.service import Jobs
from aeon_jobs.persistence.admin import api_keys, sessions
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import load_settings
from tests.api_process import api_process
from tests.conftest import database_from
from tests.dashboard import shop
from tests.dashboard.conftest import LIFETIME_MS, address_of
from tests.leaks import ignore

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PICTURES = Path(__file__).parents[2] / "docs" / "dashboard"
WIDTH, HEIGHT = 1_200, 760
PATHS = [page.path for page in ROUTES.pages]


def test_every_page_has_a_picture() -> None:
    """Taken by the test below."""
    assert {_name(path) for path in [*PATHS, "/sign-in"]} == {file.name for file in PICTURES.glob("*.png")}


@pytest.mark.skipif(not os.environ.get("DASHBOARD_PICTURES"), reason="writes into docs: make rehearse-dashboard")
def test_pictures_are_taken(
    browser: Browser,
    postgres_url: str,
    redis_url: str,
    _template: str,  # noqa: PT019
) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(database_from(_template, postgres_url))
        settings = load_settings(database_url=url, redis_url=redis_url)
        database = Database(settings.postgres_dsn, schema=settings.job_schema)
        stack.callback(database.dispose)
        shown = shop.fill(database, stack.enter_context(Jobs.from_settings(settings, name="ann")))
        environment = {"DATABASE_URL": url, "REDIS_URL": redis_url, "REDIS_QUEUE_PREFIX": "dashboard-pictures"}
        api = stack.enter_context(api_process(**environment))
        ignore(api.pid)
        address = f"{api.address}/dashboard"
        context = browser.new_context(
            locale="en-GB", timezone_id="Europe/Berlin", viewport={"width": WIDTH, "height": HEIGHT}
        )
        stack.callback(context.close)
        page = context.new_page()
        _take(page, f"{address}/sign-in", "/sign-in")
        with database.transaction() as connection:
            key = api_keys.create(connection, "ann", "admin")
            token = sessions.begin(connection, api_keys.key_id_of(key) or "", LIFETIME_MS)
        context.add_cookies([{"name": "aeon_jobs_session", "value": token, "url": address}])
        for path in PATHS:
            shop.keep_alive(database)
            _take(page, address + address_of(path, shown, shown.job), path)


def _take(page: Page, address: str, path: str) -> None:
    page.goto(address, wait_until="load")
    if page.locator("figure").count():
        page.locator("figure canvas").first.wait_for()
    height = min(HEIGHT, int(page.evaluate("document.querySelector('.content').getBoundingClientRect().bottom")))
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": max(height, 480)}
    # Playwright's own way to write a file leaves threads.
    (PICTURES / _name(path)).write_bytes(_small(page.screenshot(scale="css", clip=clip)))


def _small(picture: bytes) -> bytes:
    """With few colours: a third of the bytes, and nobody sees it."""
    from PIL import Image

    found = io.BytesIO()
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    image.save(found, "PNG", optimize=True)
    return found.getvalue()


def _name(path: str) -> str:
    name = path.strip("/").replace("/{", "-").replace("}", "").replace("/", "-").replace("-", "_")
    return f"{name or 'overview'}.png"
