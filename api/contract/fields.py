"""Types of fields that several nouns share, and what they may hold.

Pydantic finds the methods of the marks by their names: nothing of it is imported here.

Times carry a zone; durations have their unit in the name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from annotated_types import Ge, Le, MaxLen, MinLen

Schema = dict[str, Any]
JsonObject = dict[str, Any]


class Request:
    """Base of every request: a field that is not known is a mistake, types are strict ("5" is no number)."""

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "extra": "forbid",
        "strict": True,
        "hide_input_in_errors": True,
        "use_attribute_docstrings": True,
    }

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Schema]) -> Schema:
        # The fields are strict; the request itself comes as a dict.
        return {**handler(source), "strict": False}


@dataclass(frozen=True, slots=True)
class Before:
    """Reads what JSON has no type for, before the type is checked."""

    read: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Schema]) -> Schema:
        return _before(self.read, handler(source))


class _Kept:
    def __repr__(self) -> str:
        return "left out"


KEPT: Any = _Kept()
"""Of a field of a change that may be null: it was left out, so it stays as it is."""


def kept() -> Any:
    """The default of such a field; made by a function, it is no part of the schema."""
    return KEPT


@dataclass(frozen=True, slots=True)
class NotNull:
    """Of an optional field of a change: it may be left out, and may not be null."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Schema]) -> Schema:
        return _before(_refuse_null, handler(source)["schema"])


def parse_moment(value: Any) -> datetime:
    """A moment from RFC 3339 text, in UTC.

    Raises:
        ValueError: it is none, or has no time zone.
    """
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("must be a time such as 2030-01-31T09:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError("must carry a time zone, such as Z or +02:00")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time of this era") from None


def parse_id(value: Any) -> UUID:
    """
    Raises:
        ValueError: it is no UUID.
    """
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except (AttributeError, TypeError, ValueError):
        raise ValueError("must be a UUID") from None


def nested(values: Iterable[tuple[str, Any]]) -> JsonObject:
    """Paths and values as one object: ("customer.id", 7) → {"customer": {"id": 7}}."""
    found: JsonObject = {}
    for path, value in values:
        *outer, last = path.split(".")
        place = found
        for name in outer:
            inner = place.get(name)
            place[name] = inner if isinstance(inner, dict) else {}
            place = place[name]
        place[last] = value
    return found


def _refuse_null(value: Any) -> Any:
    if value is None:
        raise ValueError("must not be null: leave the field out to keep what is there")
    return value


def _before(function: Callable[[Any], Any], schema: Schema) -> Schema:
    return {"type": "function-before", "function": {"type": "no-info", "function": function}, "schema": schema}


Status = Literal["pending", "queued", "running", "completed", "failed", "cancelled"]
STATUSES: tuple[Status, ...] = ("pending", "queued", "running", "completed", "failed", "cancelled")
FINAL = frozenset({"completed", "failed", "cancelled"})
SortKey = Literal["created_at", "updated_at", "priority"]

Instant = Annotated[datetime, Before(parse_moment)]
Id = Annotated[UUID, Before(parse_id)]
Priority = Annotated[int, Ge(0), Le(100)]
Retries = Annotated[int, Ge(0), Le(1_000)]
"""Up to 10, or up to what the job type declares: the job type decides."""
TimeoutMs = Annotated[int, Ge(1_000), Le(2_147_483_647)]
"""Up to 600,000, or up to what the job type declares."""
Name = Annotated[str, MinLen(1), MaxLen(100)]
Key = Annotated[str, MinLen(1), MaxLen(255)]
Reason = Annotated[str, MinLen(1), MaxLen(1_000)]
