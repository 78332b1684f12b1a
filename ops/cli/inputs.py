"""What people type: payloads, moments, durations, key=value."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ops.cli.exits import Misused

_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


def json_object(text: str | None, name: str = "payload") -> dict[str, Any]:
    """A JSON object as typed, from ``@file``, or from stdin (``-``).

    Raises:
        Misused
    """
    if text is None:
        return {}
    try:
        value = json.loads(_content(text, name))
    except json.JSONDecodeError as error:
        raise Misused(f"{name}: is not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise Misused(f"{name}: is nested too deeply") from None
    if not isinstance(value, dict):
        raise Misused(f"{name}: must be a JSON object, such as {{}}")
    return value


def _content(text: str, name: str) -> str:
    if text == "-":
        return sys.stdin.read()
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text()
    except OSError as error:
        raise Misused(f"{name}: cannot read {text[1:]} ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Misused(f"{name}: {text[1:]} is not UTF-8 text") from None


def pairs(texts: Sequence[str] | None, name: str = "metadata") -> dict[str, Any]:
    """Of ``key=value``, each value text; or of JSON objects, where the type of a value matters.

    Raises:
        Misused
    """
    found: dict[str, Any] = {}
    for text in texts or ():
        if text.startswith("{"):
            found |= json_object(text, name)
            continue
        key, separator, value = text.partition("=")
        if not (key and separator):
            raise Misused(f"{name}: must be key=value or a JSON object, is {text!r:.80}")
        found[key] = value
    return found


def moment(text: str | None, name: str) -> datetime | None:
    """A point in time with its zone, such as 2030-01-31T09:00:00Z; or one that lies back, such as 2h.

    Raises:
        Misused
    """
    if text is None:
        return None
    if _DURATION.fullmatch(text):
        return datetime.now(UTC) - duration(text, name)
    return exact_moment(text, name)


def exact_moment(text: str, name: str) -> datetime:
    """
    Raises:
        Misused
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Misused(f"{name}: must be a time such as 2030-01-31T09:00:00Z") from None
    if found.tzinfo is None:
        raise Misused(f"{name}: must carry a time zone, such as Z or +02:00")
    return found


def duration(text: str, name: str) -> timedelta:
    """Such as 500ms, 90s, 10m, 2h, 7d.

    Raises:
        Misused
    """
    parts = _DURATION.fullmatch(text)
    if parts is None:
        raise Misused(f"{name}: must be a duration such as 90s, 10m, 2h or 7d")
    try:
        return timedelta(seconds=int(parts[1]) * _SECONDS[parts[2]])
    except OverflowError:
        raise Misused(f"{name}: is too long") from None
