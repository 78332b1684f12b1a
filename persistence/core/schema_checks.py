"""JSON Schema as Python functions: a quick yes for payloads that fit, some thirty times as fast as jsonschema.

Only a yes counts. What such a function does not accept, jsonschema decides, and says what is wrong. A schema with a keyword
that is not known here has no such function. So both can never disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

Check = Callable[[Any], bool]

_REMARKS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$defs", "$comment"}
)
"""Keywords that forbid nothing."""
_LIMITS: dict[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda value, limit: value >= limit,
    "maximum": lambda value, limit: value <= limit,
    "exclusiveMinimum": lambda value, limit: value > limit,
    "exclusiveMaximum": lambda value, limit: value < limit,
}
_LENGTHS: dict[str, tuple[type[str | list[Any]], Callable[[int, int], bool]]] = {
    "minLength": (str, lambda length, limit: length >= limit),
    "maxLength": (str, lambda length, limit: length <= limit),
    "minItems": (list, lambda length, limit: length >= limit),
    "maxItems": (list, lambda length, limit: length <= limit),
}


class _Unknown(Exception):
    """A keyword, or a value of one."""


def compiled(schema: Mapping[str, Any]) -> Check | None:
    """What tells that a value fits; None if the schema has a keyword that is not known here, or makes no sense."""
    try:
        return _Compiler(schema.get("$defs", {})).check(schema)
    except (_Unknown, AttributeError, KeyError, TypeError, re.error):
        return None


class _Compiler:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._done: dict[str, Check] = {}

    def check(self, schema: Any) -> Check:
        if isinstance(schema, bool):
            return _anything if schema else _nothing
        checks = [check for keyword, value in schema.items() for check in self._keyword(keyword, value, schema)]
        return reduce(_both, checks) if checks else _anything

    def _keyword(self, keyword: str, value: Any, schema: Mapping[str, Any]) -> list[Check]:
        if keyword in _REMARKS:
            return []
        if keyword == "type":
            return [_type(value)]
        if keyword in ("enum", "const"):
            return [_one_of(value if keyword == "enum" else [value])]
        if keyword in _LIMITS:
            return [_limit(_LIMITS[keyword], value)]
        if keyword in _LENGTHS:
            return [_length(*_LENGTHS[keyword], value)]
        if keyword == "pattern":
            return [_pattern(value)]
        if keyword == "format":
            return [_format(value)]
        if keyword == "$ref":
            return [self._reference(value)]
        if keyword == "items":
            return [_items(self.check(value))]
        if keyword == "anyOf":
            return [_any_of([self.check(choice) for choice in value])]
        if keyword == "allOf":
            return [self.check(part) for part in value]
        if keyword in ("properties", "required"):
            # Both are one check, made for the first of them.
            return [self._object(schema)] if keyword == "properties" or "properties" not in schema else []
        if keyword == "additionalProperties":
            return [] if "properties" in schema else [self._object(schema)]
        raise _Unknown(keyword)

    def _object(self, schema: Mapping[str, Any]) -> Check:
        known = {name: self.check(below) for name, below in schema.get("properties", {}).items()}
        required = frozenset(schema.get("required", ()))
        others = self.check(schema.get("additionalProperties", True))

        def check(value: Any) -> bool:
            if not isinstance(value, dict):
                return True
            for name, below in value.items():
                if not known.get(name, others)(below):
                    return False
            return required <= value.keys()

        return check

    def _reference(self, target: str) -> Check:
        name = target.removeprefix("#/$defs/")
        if name not in self._definitions or "/" in name or "~" in name or "%" in name:
            raise _Unknown(target)
        if name not in self._done:
            # First a way round, for a schema that holds itself.
            self._done[name] = lambda value: self._done[name](value)
            self._done[name] = self.check(self._definitions[name])
        return self._done[name]


def _anything(_value: Any) -> bool:
    return True


def _nothing(_value: Any) -> bool:
    return False


def _both(first: Check, second: Check) -> Check:
    return lambda value: first(value) and second(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Check] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}


def _type(names: str | list[str]) -> Check:
    checks = [_TYPES[name] for name in ([names] if isinstance(names, str) else names)]
    return checks[0] if len(checks) == 1 else _any_of(checks)


def _any_of(checks: list[Check]) -> Check:
    return lambda value: any(check(value) for check in checks)


def _one_of(options: list[Any]) -> Check:
    # Only texts: Python takes 1 for True.
    texts = frozenset(option for option in options if isinstance(option, str))
    return lambda value: isinstance(value, str) and value in texts


def _limit(keeps: Callable[[Any, Any], bool], limit: Any) -> Check:
    if not _is_number(limit):
        raise _Unknown(limit)
    return lambda value: not _is_number(value) or keeps(value, limit)


def _length(kind: type[str | list[Any]], keeps: Callable[[int, int], bool], limit: int) -> Check:
    if not _is_number(limit):
        raise _Unknown(limit)
    return lambda value: not isinstance(value, kind) or keeps(len(value), limit)


def _pattern(pattern: str) -> Check:
    search = re.compile(pattern).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _format(name: str) -> Check:
    from jsonschema import FormatChecker

    conforms = FormatChecker().conforms
    return lambda value: conforms(value, name)


def _items(check: Check) -> Check:
    return lambda value: not isinstance(value, list) or all(map(check, value))
