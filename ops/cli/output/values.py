"""Values as text for people. Text from the database is shown as it is: no markup, no control characters."""

from __future__ import annotations

import json
from datetime import datetime

from rich.text import Text

STYLES = {
    "completed": "green",
    "running": "cyan",
    "queued": "cyan",
    "failed": "red",
    "cancelled": "yellow",
    "lost": "red",
    "ok": "green",
    "warning": "yellow",
    "error": "bold red",
    "skipped": "dim",
}


def cell(value: object) -> Text:
    """A value on one line, in the colour of its word."""
    if isinstance(value, Text):
        return value
    text = clean(as_text(value))
    return Text(text, STYLES.get(text, ""))


def as_text(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
        case float():
            return f"{value:.3g}"
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return ", ".join(as_text(item) for item in value)
    return str(value)


def clean(text: str) -> str:
    """Without control characters that a terminal would obey."""
    return "".join(character if character.isprintable() or character in "\n\t" else "·" for character in text)


def first_line(text: str | None, most: int = 200) -> str:
    """The first line, cut at `most` characters; empty without text."""
    line = (text or "").strip().partition("\n")[0]
    return line if len(line) <= most else f"{line[: most - 1]}…"
