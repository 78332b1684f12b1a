"""README.md and the pages of docs/: their code blocks, headings and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
}

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\s*$")
_NOT_RUN = re.compile(r"^\s*<!-- not run: (?P<reason>.+) -->\s*$")
_HEADING = re.compile(r"^#{1,6} +(?P<title>.+?)\s*$")
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_CODE_SPAN = re.compile(r"`[^`]*`")


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    """Of its first line of code, from 1."""
    language: str
    code: str
    not_run: str | None
    """The reason, when the page says that the block does not run."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line} ({self.language or 'no language'})"


def blocks(page: str) -> list[Block]:
    """Every fenced block, in order."""
    found, lines = [], PAGES[page].read_text().splitlines()
    start = language = indent = None
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if start is None and fence:
            start, language, indent = number + 1, fence["language"], fence["indent"]
        elif start is not None and fence and not fence["language"]:
            code = "\n".join(text.removeprefix(indent or "") for text in lines[start:number]) + "\n"
            found.append(Block(page, start + 1, language or "", code, _reason(lines, start - 1)))
            start = None
    assert start is None, f"{page}:{start}: the block has no end"
    return found


def _reason(lines: list[str], fence: int) -> str | None:
    """What the comment just above the fence says."""
    above = next((line for line in reversed(lines[:fence]) if line.strip()), "")
    found = _NOT_RUN.match(above)
    return found["reason"] if found else None


def prose(page: str) -> Iterator[tuple[int, str]]:
    """(line number, line) of everything outside of fenced blocks."""
    is_code = False
    for number, line in enumerate(PAGES[page].read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code:
            yield number, line


def links(page: str) -> Iterator[tuple[int, str]]:
    """(line number, target) of every link into this repository."""
    for number, line in prose(page):
        for found in _LINK.finditer(_CODE_SPAN.sub("", line)):
            if not re.match(r"[a-z]+:", found["target"]):
                yield number, found["target"]


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    found: set[str] = set()
    for line in path.read_text().splitlines():
        if heading := _HEADING.match(line):
            found.add(_unused(_slug(heading["title"]), found))
    return found


def _slug(title: str) -> str:
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
    return re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")


def _unused(slug: str, taken: set[str]) -> str:
    """GitHub numbers a heading that is there already."""
    numbered = (f"{slug}-{number}" for number in range(1, 100))
    return slug if slug not in taken else next(name for name in numbered if name not in taken)


def pip_extras(page: str) -> set[str]:
    """The extras that the `pip install` lines of the page name; all of them when it has no such line."""
    from tests.docs.environment import all_extras

    lines = [line for block in blocks(page) for line in block.code.splitlines() if "pip install" in line]
    named = {extra for line in lines for found in re.findall(r"\[([\w,-]+)\]", line) for extra in found.split(",")}
    return named if lines else all_extras()
