"""A request of the contract as JSON holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from aeon_jobs.api.contract import Request


def body(request: Request) -> dict[str, Any]:
    """The fields that were set."""
    values = {field.name: getattr(request, field.name) for field in fields(request)}  # type: ignore[arg-type]
    return {
        name: _plain(value)
        for name, value in values.items()
        if value is not None and value is not False and value not in ((), {}, [])
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(item) for item in value]
    return value
