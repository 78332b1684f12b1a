"""docs/troubleshooting.md explains what `explain` says, in its words."""

from __future__ import annotations

import re

from tests.docs.pages import PAGES, ROOT


def test_every_reason_of_the_page_is_one_that_explain_gives() -> None:
    table = PAGES["docs/troubleshooting.md"].read_text().partition("| `explain` says |")[2].partition("\n\n")[0]
    said = [text for row in table.splitlines()[2:] for text in re.findall(r"`([^`]*)`", row.split("|")[1])]
    source = (ROOT / "persistence/reads/explain.py").read_text()
    assert len(said) > 10
    assert [text for text in said if text not in source] == []
