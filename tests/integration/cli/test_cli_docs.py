"""`aeon-jobs docs publish`, from the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.terminal import Terminal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "one.md").write_text("# One\n\nText.\n")
    return tmp_path / "pages"


def test_pages_are_published_into_a_directory(terminal: Terminal, folder: Path, tmp_path: Path) -> None:
    where = str(tmp_path / "store")
    done = terminal("docs", "publish", "--qdrant", where, "--folder", str(folder), "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"collection": "gap-006-implementation", "pages": 1, "sections": 1, "removed": 0}
    again = terminal("docs", "publish", "--qdrant", where, "--folder", str(folder), "--collection", "mine")
    assert again.out == "1 sections of 1 pages in mine; 0 old ones removed\n"


@pytest.mark.parametrize(
    ("url", "folder_name", "told"),
    [
        ("http://me:secret@host:6333", "pages", "error: --qdrant: must have no user, password or query"),
        ("ftp://host", "pages", "error: --qdrant: must be http://host:port"),
        ("./store", "nothing", "error: --folder: there is no Markdown page with text in"),
    ],
)
def test_bad_input_is_named(
    terminal: Terminal, folder: Path, url: str, folder_name: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    done = terminal("docs", "publish", "--qdrant", url, "--folder", folder_name)
    assert (done.code, done.err.startswith(told)) == (2, True), done.err
    assert "secret" not in done.err
    assert "store" not in os.listdir(folder.parent)


def test_a_server_that_does_not_answer_is_named(terminal: Terminal, folder: Path) -> None:
    done = terminal("docs", "publish", "--qdrant", "http://127.0.0.1:9", "--folder", str(folder))
    assert (done.code, done.err.startswith("error: Qdrant does not answer:")) == (5, True), done.err
