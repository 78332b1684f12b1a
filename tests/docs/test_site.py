"""`make docs` builds the whole site, and the site needs no other server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from aeon_jobs.ops.cli import app
from aeon_jobs.ops.docs import command_reference, route_reference, settings_reference
from aeon_jobs.persistence.core.settings import Settings
from tests.docs.pages import PAGES, ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Strict: a link, an anchor or a page of the navigation that does not exist ends the build, and so does a page in none."""
    directory = tmp_path_factory.mktemp("site")
    command = ["mkdocs", "build", "--strict", "-f", str(ROOT / "ops/docs/mkdocs.yml"), "-d", str(directory)]
    variables = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run([sys.executable, "-m", *command], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return directory


def test_every_page_is_there_and_in_llms_txt(site: Path) -> None:
    pages = [page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")]
    listed = (site / "llms.txt").read_text()
    for page in [*pages, "index.md", "changelog.md", "reference/commands.md", "reference/routes.md"]:
        assert (site / page).with_suffix(".html").exists()
        assert f"]({page})" in listed


def test_a_page_loads_nothing_from_another_server(site: Path) -> None:
    loaded = re.compile(r"""<(?:script|img|iframe|link)\b[^>]*(?:src|href)=["']?(?:https?:)?//[^"'> ]+""")
    for page in site.rglob("*.html"):
        assert loaded.findall(page.read_text()) == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", style.read_text()), style


def test_search_needs_no_server(site: Path) -> None:
    assert "dead letter" in (site / "search/search_index.js").read_text()
    assert (site / "static/iframe-worker.js").exists()


def test_the_reference_has_every_command_route_and_setting() -> None:
    commands = command_reference.page()
    assert [name for name, _ in command_reference.commands(get_command(app)) if f"## {name}\n" not in commands] == []
    assert "### POST /api/jobs\n" in route_reference.page()
    page = settings_reference.completed(PAGES["docs/configuration.md"].read_text())
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert set(rows) == {name.upper() for name in Settings.model_fields}
    assert "| whole number, 1 to 200 |" in rows["DATABASE_POOL_SIZE"]
    assert "| `none`, `starttls`, `tls` |" in rows["SMTP_TLS"]
