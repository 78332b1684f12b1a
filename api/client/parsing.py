"""JSON to views and back: which type a value becomes is read from the dataclass, once per class."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from aeon_jobs.api.client.errors import UnexpectedAnswer

T = TypeVar("T")
Reader = Callable[[Any], Any]


def one(kind: type[T]) -> Callable[[Any], T]:
    """Reads a JSON object as a `kind`.

    Raises:
        UnexpectedAnswer: a field is missing, or holds something else.
    """

    def read(value: Any) -> T:
        try:
            found: T = _reader(cast(Hashable, kind))(value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnexpectedAnswer(f"is no {kind.__name__}: {type(error).__name__} {error}") from None
        return found

    return read


def many(kind: type[T]) -> Callable[[Any], list[T]]:
    """Reads a JSON array of `kind`."""
    read = one(kind)

    def read_all(value: Any) -> list[T]:
        if not isinstance(value, list):
            raise UnexpectedAnswer(f"is no list of {kind.__name__}")
        return [read(item) for item in value]

    return read_all


def listed(kind: type[T]) -> Callable[[Any], list[T]]:
    """Reads a list of `kind` that comes whole."""
    read = many(kind)
    return lambda value: read(value.get("items") if isinstance(value, dict) else value)


def plain(view: Any) -> Any:
    """A view as JSON would hold it."""
    value = asdict(view) if is_dataclass(view) and not isinstance(view, type) else view
    return json.loads(json.dumps(value, default=_text))


def _text(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


@cache
def _reader(kind: Hashable) -> Reader:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        (inner,) = (_reader(argument) for argument in arguments if argument is not type(None))
        return lambda value: None if value is None else inner(value)
    if origin is list:
        item = _reader(arguments[0])
        return lambda value: [item(entry) for entry in value]
    if kind is datetime:
        return datetime.fromisoformat
    if kind is UUID:
        return UUID
    return _dataclass_reader(kind) if is_dataclass(kind) else lambda value: value


def _dataclass_reader(kind: Any) -> Reader:
    hints = get_type_hints(kind)
    readers: dict[str, Reader] = {field.name: _reader(hints[field.name]) for field in fields(kind)}

    def read(value: Mapping[str, Any]) -> Any:
        return kind(**{name: reader(value[name]) for name, reader in readers.items()})

    return read
