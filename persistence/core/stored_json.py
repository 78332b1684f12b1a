"""JSON as PostgreSQL has it, read so that every reader survives it.

What comes through this library is bounded (`payloads`). A plain INSERT is not: jsonb holds thousands of levels, and numbers of
a hundred thousand digits, which Python refuses to read. Here a text stands in place of such a part and says what it was. The
whole value is then `Cut`: it can be shown, and is never run, stored or submitted.
"""

from __future__ import annotations

import json
import re
from typing import Any

DEEPEST = 200
"""Levels that are read: all encoders and validators here can walk so many."""
MARK = "\N{HORIZONTAL ELLIPSIS} not shown: "
"""The text in place of a part begins so."""
MOST_DIGITS = 4_300
"""Of a whole number: Python's own limit, unless it was started with another one."""
RULE = (
    f"must not be nested deeper than {DEEPEST} levels, and must not have a number of more than {MOST_DIGITS:,} digits"
)
"""What a value breaks that is `Cut`."""
_decode = json.JSONDecoder().decode
_TOKENS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[{\]}]', re.DOTALL)


class Cut:
    """A value that is not whole."""


class CutObject(dict[str, Any], Cut):
    pass


class CutArray(list[Any], Cut):
    pass


class CutText(str, Cut):
    pass


def decode(text: str) -> Any:
    """The value that `text` stands for. psycopg2 calls it for every json and jsonb column."""
    try:
        value = _decode(text)
    except (RecursionError, ValueError):  # too deep, or a number with too many digits
        return _cut(text)
    # Each level has a bracket: few of them cannot be deep.
    if text.count("[") + text.count("{") > DEEPEST and _is_deep(value):
        return _cut(text)
    return value


def is_cut(value: Any) -> bool:
    """Also of a copy, which has the text that stands for what is missing."""
    return isinstance(value, Cut) or MARK in json.dumps(value, ensure_ascii=False)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for item in level
            for child in (item.values() if type(item) is dict else item)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _cut(text: str) -> Any:
    value = json.loads(_without_depths(text), parse_int=_number)
    if isinstance(value, dict):
        return CutObject(value)
    return CutArray(value) if isinstance(value, list) else CutText(value)


def _without_depths(text: str) -> str:
    """With a text instead of each value that is deeper than DEEPEST."""
    parts, depth, end = [], 0, 0
    for token in _TOKENS.finditer(text):
        match token[0]:
            case "[" | "{":
                depth += 1
                if depth == DEEPEST + 1:
                    parts += [text[end : token.start()], json.dumps(f"{MARK}nested deeper than {DEEPEST} levels")]
            case "]" | "}":
                if depth == DEEPEST + 1:
                    end = token.end()
                depth -= 1
    return "".join([*parts, text[end:]])


def _number(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return f"{MARK}a number of {len(digits.lstrip('-')):,} digits"
