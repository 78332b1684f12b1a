"""Markdown pages, cut at their headings: each section is found, and shown, by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_CHARACTERS = 3_000
"""Of a section; a longer one becomes several, cut between paragraphs."""

_HEADING = re.compile(r"^(?P<marks>#{1,6}) +(?P<title>.+?)\s*#*\s*$")


@dataclass(frozen=True, slots=True)
class Section:
    page: str
    """Path of the page in its folder, with /."""
    headings: tuple[str, ...]
    """From the title of the page down to its own."""
    anchor: str
    part: int
    """From 0, where a section is cut."""
    text: str

    @property
    def searched(self) -> str:
        """What it is found by."""
        return "\n".join([*self.headings, self.text])


def sections_of(folder: Path) -> list[Section]:
    """All sections of the Markdown pages in a folder and below it, in order."""
    pages = sorted(path for path in folder.rglob("*.md") if not any(part.startswith(".") for part in path.parts))
    return [found for path in pages for found in _sections(path.relative_to(folder).as_posix(), path.read_text())]


def _sections(page: str, text: str) -> Iterator[Section]:
    headings: dict[int, str] = {}
    anchors: dict[str, int] = {}
    for level, title, body in _cut(text):
        headings = {depth: name for depth, name in headings.items() if 0 < depth < level}
        headings[level] = _plain(title) or page
        anchor = _anchor(title, anchors)
        path = tuple(headings[depth] for depth in sorted(headings))
        for part, piece in enumerate(_pieces(body)):
            yield Section(page, path, anchor, part, piece)


def _cut(text: str) -> Iterator[tuple[int, str, str]]:
    """(level, title, body) of each heading; what stands before the first has level 0. A # in a block of code is none."""
    level, title, body, is_code = 0, "", list[str](), False
    for line in text.splitlines():
        is_code ^= line.lstrip().startswith("```")
        found = None if is_code else _HEADING.match(line)
        if found is None:
            body.append(line)
            continue
        yield level, title, "\n".join(body).strip()
        level, title, body = len(found["marks"]), found["title"], []
    yield level, title, "\n".join(body).strip()


def _pieces(body: str) -> list[str]:
    """No piece for a heading without text."""
    pieces = list[str]()
    for paragraph in _paragraphs(body):
        if pieces and len(pieces[-1]) + len(paragraph) < MAX_CHARACTERS:
            pieces[-1] += f"\n\n{paragraph}"
        else:
            pieces.append(paragraph)
    return pieces


def _paragraphs(body: str) -> Iterator[str]:
    """A block of code is in one paragraph with what stands around it."""
    paragraph, is_code = list[str](), False
    for line in [*body.splitlines(), ""]:
        is_code ^= line.lstrip().startswith("```")
        if line.strip() or is_code:
            paragraph.append(line)
        elif paragraph:
            yield "\n".join(paragraph)
            paragraph = []
    if paragraph:
        yield "\n".join(paragraph)


def _plain(title: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "")


def _anchor(title: str, taken: dict[str, int]) -> str:
    """As GitHub and MkDocs name it; a name that comes again gets a number."""
    slug = re.sub(r"[^\w\- ]", "", _plain(title).lower()).replace(" ", "-")
    taken[slug] = taken.get(slug, -1) + 1
    return f"{slug}-{taken[slug]}" if taken[slug] else slug
