"""JSON as HTML that can be folded. All of it is text: nothing of it is ever markup.

Whole numbers are shown as they are stored, however large. What is very long is cut, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

MOST_VALUES = 2_000
LONGEST_TEXT = 20_000
DEEPEST = 30
FOLDED = 8
"""A list or an object with more entries is shown folded, except the outermost."""


def json_view(value: Any) -> Markup:
    """`value` as nested lists."""
    return Markup("").join(_View().of(value, 0))


def json_text(value: Any) -> str:
    """For a text field."""
    return json.dumps(value, indent=2, ensure_ascii=False)


class _View:
    def __init__(self) -> None:
        self._left = MOST_VALUES

    def of(self, value: Any, depth: int) -> Iterator[Markup]:
        self._left -= 1
        if isinstance(value, Mapping | list) and value:
            yield from self._container(value, depth)
        else:
            yield _scalar(value)

    def _container(self, value: Any, depth: int) -> Iterator[Markup]:
        is_object = isinstance(value, Mapping)
        kind = "field" if is_object else "item"
        count = f"{len(value)} {kind}{'' if len(value) == 1 else 's'}"
        if depth >= DEEPEST or self._left <= 0:
            yield Markup('<span class="muted">{}, not shown</span>').format(count)
            return
        is_open = depth == 0 or (depth < 3 and len(value) <= FOLDED)
        braces = "{ }" if is_object else "[ ]"
        yield Markup(
            '<details class="json"{}><summary><span>{}</span> <span class="muted">{}</span></summary><ul>'
        ).format(Markup(" open") if is_open else "", braces, count)
        entries = value.items() if is_object else enumerate(value)
        for shown, (name, entry) in enumerate(entries):
            if self._left <= 0:
                yield Markup('<li class="muted">{} more, not shown</li>').format(len(value) - shown)
                break
            yield Markup('<li><span class="key">{}</span>: ').format(_text(str(name)))
            yield from self.of(entry, depth + 1)
            yield Markup("</li>")
        yield Markup("</ul></details>")


def _scalar(value: Any) -> Markup:
    if isinstance(value, str):
        return Markup('<span class="string">{}</span>').format(_text(value))
    return Markup('<span class="scalar">{}</span>').format(json.dumps(value, ensure_ascii=False))


def _text(text: str) -> Markup:
    """In its own direction: a right-to-left mark turns nothing around it."""
    if len(text) <= LONGEST_TEXT:
        return Markup("<bdi>{}</bdi>").format(text)
    cut = len(text) - LONGEST_TEXT
    return Markup('<bdi>{}</bdi> <span class="muted">… {:,} more characters</span>').format(text[:LONGEST_TEXT], cut)
