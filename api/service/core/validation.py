"""A request of the contract from what was sent: pydantic checks it strictly, and every fault is told in our words."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from aeon_jobs.persistence.core.errors import InvalidJob, Violation

T = TypeVar("T")
MOST_SHOWN = 100


def read(kind: type[T], value: Any) -> T:
    """`value` (as JSON has it) as a request of `kind`.

    Raises:
        InvalidJob: names every field at fault with the rule that it breaks.
    """
    try:
        return cast(T, adapter(cast(Hashable, kind)).validate_python(value))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[:MOST_SHOWN]
        raise InvalidJob([Violation(_path(fault["loc"]), _rule(fault)) for fault in found]) from None


def checked(request: T) -> T:
    """A request that was made in Python, once its fields are what the contract says.

    Raises:
        InvalidJob
    """
    return read(type(request), _fields(request))


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _fields(request: Any) -> dict[str, Any]:
    values = {name: getattr(request, name) for name in request.__dataclass_fields__}
    return {name: _fields(value) if hasattr(value, "__dataclass_fields__") else value for name, value in values.items()}


def _path(location: Iterable[str | int]) -> str:
    """("jobs", 17, "payload", "to") → jobs[17].payload.to"""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.lstrip(".") or "body"


_RULES = {
    "unexpected_keyword_argument": "is not a known field",
    "missing": "is required",
    "dataclass_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "mapping_type": "must be a JSON object",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "sequence_str": "must be a list",
    "is_instance_of": "must be a list",
}
_LIMITS = {
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "literal_error": "must be {expected}",
}


def _rule(fault: Mapping[str, Any]) -> str:
    kind, limits = fault["type"], fault.get("ctx", {})
    if kind in _RULES:
        return _RULES[kind]
    if kind in _LIMITS:
        return re.sub(r"\b1 (character|item)s", r"1 \1", _LIMITS[kind].format(**limits))
    message = str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    return message[:1].lower() + message[1:]
