"""Files at the top of the repository as pages of the site, and links between them and docs/."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "SECURITY.md": "security-policy.md"}
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<path>[^)\s:#]+)(?P<anchor>#[^)\s]*)?\)")


def _page(file: str) -> Callable[[], str]:
    return lambda: _relinked((ROOT / file).read_text(), "", FILES[file])


PAGES = {page: _page(file) for file, page in FILES.items()}


def with_links_inside(markdown: str, page: str) -> str:
    """A page of docs/: a link to one of FILES leads to its page; a link to other files becomes text."""
    return _relinked(markdown, posixpath.join("docs", posixpath.dirname(page)), page)


def _relinked(markdown: str, directory: str, page: str) -> str:
    """`directory` is where the links start, from the top of the repository."""

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(directory, found["path"]))
        if target in FILES:
            inside = FILES[target]
        elif target.startswith("docs/"):
            inside = target.removeprefix("docs/")
        else:
            return f"{found['text']} (`{target}`)"
        path = posixpath.relpath(inside, posixpath.dirname(page) or ".")
        return f"{found['image']}[{found['text']}]({path}{found['anchor'] or ''})"

    # Code blocks stay as they are.
    parts = re.split(r"(^ *```.*?^ *```\s*?$)", markdown, flags=re.M | re.S)
    return "".join(part if index % 2 else _LINK.sub(link, part) for index, part in enumerate(parts))
