"""Every code block of every page runs as it stands, or says why not."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from tests.api_server import running_api
from tests.docs.pages import PAGES, ROOT, Block, anchors, blocks, links, prose
from tests.docs.parsers import PARSERS, PLAIN, queries
from tests.docs.session import RUN, Session, opened
from tests.leaks import short_directory

PENDING = {"README.md", "docs/writing-jobs.md"}
"""Pages whose blocks are not run here yet: their own tests run them."""
REHEARSED = {
    *("docs/cli.md", "docs/deployment.md", "docs/performance.md", "docs/troubleshooting.md", "docs/tutorial.md"),
    *("docs/migrating/dramatiq.md", "docs/migrating/rq.md"),
}
"""Pages of many commands: `make rehearse-docs` runs them, and `make test` only parses them."""
NOT_HERE = ("docs/operations/", "docs/runbooks/")
"""Pages about systems that a test does not build: their blocks are parsed, and their queries are planned."""
ALL = [
    page
    for page in PAGES
    if page not in PENDING
    and (page not in REHEARSED or "REHEARSE_DOCS" in os.environ)
    and not page.startswith(NOT_HERE)
    and any(block.language in RUN and block.not_run is None for block in blocks(page))
]
BEFORE = {
    "docs/api.md": [("sh", "aeon-jobs worker")],
    "docs/cli.md": [("sh", "aeon-jobs worker")],
    "docs/client.md": [("sql", "CREATE TABLE orders (id integer GENERATED ALWAYS AS IDENTITY, customer text)")],
    "docs/design.md": [("sql", "CREATE TABLE invoices (order_id integer)")],
}
"""What a page takes for granted."""
JOBS = {
    "docs/api.md": 1,
    "docs/cli.md": 17,
    "docs/client.md": 5,
    "docs/design.md": 1,
    "docs/guides/long-jobs.md": 1,
    "docs/job-types.md": 9,
    "docs/python.md": 1,
}
"""How many jobs the blocks of a page submit."""


@contextmanager
def mail_server() -> Iterator[int]:
    """A mail server that accepts everything and keeps nothing; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Sink(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def session(
    request: pytest.FixtureRequest, environment: Settings, database: Database, redis_client: redis.Redis
) -> Iterator[Session]:
    """One page's reader: a migrated database, an empty Redis, a mail server, an API, and a key of an administrator."""
    with database.transaction() as connection:
        key = api_keys.create(connection, "reader", "admin")
    with running_api(environment) as server, short_directory() as directory, mail_server() as smtp_port:
        variables = {
            "SMTP_PORT": str(smtp_port),
            "SMTP_TLS": "none",
            "WORKER_PROCESSES": "1",
            # As a reader writes it, without the name of a driver.
            "DATABASE_URL": environment.postgres_dsn.replace("postgresql+psycopg2:", "postgresql:"),
            "REDIS_URL": environment.redis_dsn,
            "AEON_JOBS_API": server.address,
            "AEON_JOBS_API_KEY": key,
            "KEY": key,
        }
        address = server.address.removeprefix("http://")
        with opened(request.param, directory, variables, {"localhost:8000": address, "wait=30": "wait=1"}) as session:
            yield session


@pytest.mark.timeout(600)  # docs/cli.md starts some sixty programs, one after the other
@pytest.mark.parametrize("session", ALL, indirect=True)
def test_every_block_of_a_page_runs(session: Session) -> None:
    session.run(Block(session.page, 0, "sh", "aeon-jobs migrate up", None))  # registers the built-in job types
    for language, code in BEFORE.get(session.page, []):
        session.run(Block(session.page, 0, language, code, None))
    for block in blocks(session.page):
        if block.not_run is None:
            session.run(block)
    expected = JOBS.get(session.page)
    if expected and session.is_whole:
        assert session.execute("SELECT count(*) FROM jobs") == [(expected,)]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_its_language_and_is_well_formed(page: str) -> None:
    for block in blocks(page):
        assert block.language in PARSERS or block.language in PLAIN, (
            f"{block}: tests/docs/parsers.py has no such language"
        )
        try:
            PARSERS.get(block.language, str)(block.code)
        except Exception as error:
            raise AssertionError(f"{block}: {error}\n{block.code}") from error
    if page in PENDING:
        return
    indented = [number for number, line in prose(page) if re.match(r" {4,}\S", line)]
    assert indented == [], f"{page}: code in indented lines is not seen by the tests: use ``` and a language"


def test_every_query_of_the_operations_pages_fits_the_schema(database: Database) -> None:
    for page in PAGES:
        for block in blocks(page) if page.startswith(NOT_HERE) else []:
            for statement in queries(block.code) if block.language == "sql" else []:
                with database.transaction() as connection:
                    connection.exec_driver_sql(f"EXPLAIN {statement}".replace("%", "%%"))


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    for line, target in links(page):
        path, _, anchor = target.partition("#")
        file = (PAGES[page].parent / path).resolve() if path else PAGES[page]
        assert file.exists(), f"{page}:{line}: {target}"
        assert not anchor or anchor in anchors(file), f"{page}:{line}: {target}"


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
