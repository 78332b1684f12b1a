"""Every code block of every page runs as it stands, or says why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from tests.api_server import running_api
from tests.docs.pages import PAGES, ROOT, anchors, blocks, links, prose
from tests.docs.session import NOT_CODE, RUN, Session, opened
from tests.leaks import short_directory

PENDING = {
    "README.md",
    *(f"docs/{name}.md" for name in ("api", "cli", "client", "demo", "job-types", "python", "writing-jobs")),
}
"""Pages whose blocks are not run here yet: their own tests run them."""
ALL = [page for page in PAGES if blocks(page) and page not in PENDING]
BEFORE = {
    "docs/design.md": "CREATE TABLE invoices (order_id integer)",
}
"""SQL: what a page takes for granted."""


@pytest.fixture
def session(
    request: pytest.FixtureRequest, environment: Settings, database: Database, redis_client: redis.Redis
) -> Iterator[Session]:
    """One page's reader: a migrated database, an empty Redis, an API, and an administrator's key."""
    with database.transaction() as connection:
        key = api_keys.create(connection, "reader", "admin")
    with running_api(environment) as server, short_directory() as directory:
        variables = {
            "DATABASE_URL": environment.postgres_dsn,
            "REDIS_URL": environment.redis_dsn,
            "AEON_JOBS_API": server.address,
            "AEON_JOBS_API_KEY": key,
            "KEY": key,
        }
        address = server.address.removeprefix("http://")
        with opened(request.param, directory, variables, {"localhost:8000": address}) as session:
            yield session


@pytest.mark.parametrize("session", ALL, indirect=True)
def test_every_block_of_a_page_runs(session: Session) -> None:
    if session.page in BEFORE:
        session.execute(BEFORE[session.page])
    for block in blocks(session.page):
        if block.not_run is None:
            session.run(block)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_its_language_and_runs_or_says_why_not(page: str) -> None:
    unclear = [str(block) for block in blocks(page) if block.language not in RUN | NOT_CODE and not block.not_run]
    assert unclear == []
    if page in PENDING:
        return
    indented = [number for number, line in prose(page) if re.match(r" {4,}\S", line)]
    assert indented == [], f"{page}: code in indented lines is not seen by the tests: use ``` and a language"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    for line, target in links(page):
        path, _, anchor = target.partition("#")
        file = (PAGES[page].parent / path).resolve() if path else PAGES[page]
        assert file.exists(), f"{page}:{line}: {target}"
        assert not anchor or anchor in anchors(file), f"{page}:{line}: {target}"


def test_every_page_is_reached_from_the_readme() -> None:
    linked = {Path(target).name for _, target in links("README.md")}
    assert {Path(page).name for page in PAGES} - {"README.md"} <= linked


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    named = re.compile(r"`((?:actors|api|docs|middleware|ops|persistence|tests)/[\w./]*\w)`")
    missing = [
        f"{line}: {path}"
        for line, text in prose(page)
        for path in named.findall(text)
        if not (ROOT / path).exists() and page not in PENDING
    ]
    assert missing == []
