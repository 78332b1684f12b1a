"""Text from the outside, made fit for a job's row: short, printable, and free of NUL, which jsonb refuses."""

from __future__ import annotations


def excerpt(text: str | bytes, limit: int = 200) -> str:
    """At most `limit` characters of `text`; control characters and broken UTF-8 become U+FFFD."""
    decoded = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
    return "".join(map(_printable, decoded[:limit]))


def _printable(character: str) -> str:
    return character if character.isprintable() or character in "\t\n" else "\ufffd"
