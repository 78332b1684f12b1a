"""Opaque cursors: where a list stopped, fit for a URL. One belongs to one list: another sort or filter refuses it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from aeon_jobs.persistence.core.errors import InvalidJob

_LONGEST = 1_000


def encode(position: Sequence[Any], of_list: object) -> str:
    """The cursor after `position` (sort key, then id) in the list that `of_list` describes."""
    content = json.dumps([_digest(of_list), *position], default=str, separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def decode(cursor: str, of_list: object) -> list[Any]:
    """The position in it.

    Raises:
        InvalidJob: it is not a cursor, or one of another list.
    """
    try:
        content = base64.b64decode(
            cursor[:_LONGEST] + "=" * (-len(cursor[:_LONGEST]) % 4), altchars=b"-_", validate=True
        )
        digest, *position = list(json.loads(content))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise InvalidJob.at("cursor", "is not a cursor of this API") from None
    if digest != _digest(of_list):
        raise InvalidJob.at("cursor", "belongs to a list with another sort order or other filters")
    return position


def _digest(of_list: object) -> str:
    return hashlib.sha256(repr(of_list).encode()).hexdigest()[:12]
