"""What people type: payloads, moments, durations, key=value."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from aeon_jobs.ops.cli.exit_codes import InvalidInput

MOST_BYTES = 64 << 20
"""Of one JSON text: what never ends, such as /dev/zero, must not fill the memory."""
_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


def json_object(text: str | None, name: str = "payload") -> dict[str, Any]:
    """A JSON object as typed, from ``@file``, or from stdin (``-``).

    Raises:
        InvalidInput
    """
    if text is None:
        return {}
    value = json_value(_content(text, name), name)
    if not isinstance(value, dict):
        raise InvalidInput(f"{name}: must be a JSON object, such as {{}}")
    return value


def json_value(text: str | bytes, name: str) -> Any:
    """What JSON text says.

    Raises:
        InvalidInput
    """
    try:
        # As bytes it is decoded here: what stands on stdin need not be text at all.
        return json.loads(text.decode() if isinstance(text, bytes) else text, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise InvalidInput(f"{name}: is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{name}: is not JSON: {error.msg} at character {error.pos}") from None
    except ValueError as error:
        raise InvalidInput(f"{name}: is not JSON: {error}") from None
    except RecursionError:
        raise InvalidInput(f"{name}: is nested too deeply") from None


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _content(text: str, name: str) -> str | bytes:
    if text != "-" and not text.startswith("@"):
        return text
    with opened(text.removeprefix("@"), name) as source:
        content = source.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise InvalidInput(f"{name}: is longer than {MOST_BYTES >> 20} MiB")
    return content


def opened(path: str, name: str) -> AbstractContextManager[BinaryIO]:
    """A file, or stdin (``-``).

    Raises:
        InvalidInput: it cannot be read.
    """
    if path == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(path).open("rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no name of a file"
        raise InvalidInput(f"{name}: cannot read {path} ({reason})") from None


def pairs(texts: Sequence[str] | None, name: str = "metadata") -> dict[str, Any]:
    """Of ``key=value``, each value text; or of JSON objects, where the type of a value matters.

    Raises:
        InvalidInput
    """
    found: dict[str, Any] = {}
    for text in texts or ():
        if text.startswith("{"):
            found |= json_object(text, name)
            continue
        key, separator, value = text.partition("=")
        if not (key and separator):
            raise InvalidInput(f"{name}: must be key=value or a JSON object, is {text!r:.80}")
        found[key] = value
    return found


def payload_fields(texts: Sequence[str] | None) -> dict[str, Any]:
    """Of ``path=value``, where a value that is JSON is taken as such, and any other is text; or of JSON objects.

    Raises:
        InvalidInput
    """
    from aeon_jobs.api.contract.fields import nested

    objects = [json_object(text) for text in texts or () if text.startswith("{")]
    found = nested(_payload_field(text) for text in texts or () if not text.startswith("{"))
    for value in objects:
        found |= value
    return found


def _payload_field(text: str) -> tuple[str, Any]:
    path, separator, value = text.partition("=")
    if not (separator and all(path.split("."))):
        raise InvalidInput(f"payload: must be path=value or a JSON object, is {text!r:.80}")
    try:
        return path, json_value(value, "payload")
    except InvalidInput:
        return path, value


def moment(text: str | None, name: str) -> datetime | None:
    """A point in time with its zone, such as 2030-01-31T09:00:00Z; or one that lies back, such as 2h.

    Raises:
        InvalidInput
    """
    if text is None:
        return None
    if _DURATION.fullmatch(text):
        return from_now(-duration(text, name), name)
    return exact_moment(text, name)


def from_now(span: timedelta, name: str) -> datetime:
    """
    Raises:
        InvalidInput: no calendar goes so far.
    """
    try:
        return datetime.now(UTC) + span
    except OverflowError:
        raise InvalidInput(f"{name}: is too long") from None


def exact_moment(text: str, name: str) -> datetime:
    """
    Raises:
        InvalidInput
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{name}: must be a time such as 2030-01-31T09:00:00Z") from None
    if found.tzinfo is None:
        raise InvalidInput(f"{name}: must carry a time zone, such as Z or +02:00")
    return found


def duration(text: str, name: str) -> timedelta:
    """Such as 500ms, 90s, 10m, 2h, 7d.

    Raises:
        InvalidInput
    """
    parts = _DURATION.fullmatch(text)
    if parts is None:
        raise InvalidInput(f"{name}: must be a duration such as 90s, 10m, 2h or 7d")
    try:
        return timedelta(seconds=int(parts[1]) * _SECONDS[parts[2]])
    except OverflowError:
        raise InvalidInput(f"{name}: is too long") from None
