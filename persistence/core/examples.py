"""A payload made from a JSON Schema, for a job type that declares no example of its own.

It holds the required fields, each with its schema's own example or default, or else the plainest value that its rules allow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_BY_FORMAT = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T09:00:00Z",
    "time": "09:00:00Z",
    "duration": "PT1M",
    "email": "ann@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "01890a5d-ac96-774b-bcce-b302099a8057",
}
_TEXTS = ["text", "example", "a", "A", "1", "2026-01", "en", "a-1", "A-1", "a.csv", *_BY_FORMAT.values()]
"""Tried against a pattern, in this order."""
_DEEPEST = 12


def payload_example(schema: Schema) -> dict[str, Any]:
    """An example payload of a job type's schema.

    The same schema gives the same example. Where a pattern is too special to be met, the text in its place breaks it.
    """
    made = _example(schema, schema, 0)
    return made if isinstance(made, dict) else {}


def _example(schema: Any, root: Schema, depth: int) -> Any:
    schema = _resolved(schema, root)
    given = _given(schema)
    if given:
        return given[0]
    for choice in ("oneOf", "anyOf"):
        if options := schema.get(choice):
            return _example(_merged(schema, next(_preferred(options, root)), choice, root), root, depth + 1)
    if parts := schema.get("allOf"):
        for part in parts:
            schema = _merged(schema, part, "allOf", root)
        return _example(schema, root, depth + 1)
    if depth > _DEEPEST:
        return None
    return _MAKERS.get(_type(schema), _nothing)(schema, root, depth)


def _given(schema: Schema) -> list[Any]:
    """Values that the schema itself names."""
    examples = schema.get("examples") or []
    values = [*(examples if isinstance(examples, list) else []), *(schema.get("enum") or [])]
    values += [schema[name] for name in ("const", "default") if schema.get(name) is not None]
    return values


def _preferred(options: list[Any], root: Schema) -> Iterator[Any]:
    """The alternatives, those that are more than null first."""
    yield from (option for option in options if _resolved(option, root).get("type") != "null")
    yield from options


def _resolved(schema: Any, root: Schema) -> dict[str, Any]:
    """The schema, with what a local $ref names."""
    if not isinstance(schema, Mapping):
        return {}
    merged = dict(schema)
    for _ in range(_DEEPEST):
        reference = merged.pop("$ref", None)
        if not isinstance(reference, str) or not reference.startswith("#"):
            break
        target: Any = root
        for part in filter(None, reference[1:].split("/")):
            target = target.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(target, Mapping) else {}
        merged = {**target, **merged}
    return merged


def _merged(schema: Schema, part: Any, without: str, root: Schema) -> dict[str, Any]:
    rest = {name: value for name, value in schema.items() if name != without}
    added = _resolved(part, root)
    both = {name: {**rest[name], **added[name]} for name in ("properties",) if name in rest and name in added}
    required = [*rest.get("required", []), *added.get("required", [])]
    return {**rest, **added, **both, **({"required": required} if required else {})}


def _type(schema: Schema) -> str:
    named = schema.get("type")
    if isinstance(named, list):
        named = next((name for name in named if name != "null"), "null")
    if named is None:
        return "object" if "properties" in schema else "string"
    return str(named)


def _object(schema: Schema, root: Schema, depth: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    made = {name: _example(properties.get(name, {}), root, depth + 1) for name in schema.get("required", [])}
    # One more where some are wanted: {"additional": …} has no names of its own.
    for number in range(len(made), int(schema.get("minProperties", 0))):
        further = schema.get("additionalProperties", {})
        made[f"field_{number + 1}"] = _example(further, root, depth + 1)
    return made


def _array(schema: Schema, root: Schema, depth: int) -> list[Any]:
    first = [_example(item, root, depth + 1) for item in schema.get("prefixItems", [])]
    items = schema.get("items")
    room = int(schema.get("maxItems", len(first) + 1)) - len(first)
    # One item shows what a list holds; a list within its own items would never end.
    wanted = max(int(schema.get("minItems", 0)) - len(first), min(1, room) if depth < _DEEPEST // 2 else 0)
    if not isinstance(items, Mapping) or not items:
        return first if wanted <= 0 else first + ["text"] * max(0, int(schema.get("minItems", 0)) - len(first))
    return first + _distinct([_example(items, root, depth + 1)] * wanted, bool(schema.get("uniqueItems")), items, root)


def _distinct(made: list[Any], is_wanted: bool, items: Schema, root: Schema) -> list[Any]:
    if not is_wanted or len(made) < 2:
        return made
    options = _given(_resolved(items, root))[: len(made)]
    if len(options) == len(made):
        return options
    return [value + number if isinstance(value, int) else f"{value}{number or ''}" for number, value in enumerate(made)]


def _string(schema: Schema, root: Schema, depth: int) -> str:
    shortest, longest = int(schema.get("minLength", 0)), schema.get("maxLength")
    if known := _BY_FORMAT.get(str(schema.get("format"))):
        return known
    fitting = (_sized(text, shortest, longest) for text in _TEXTS)
    pattern, forbidden = schema.get("pattern"), _mapping(schema.get("not")).get("pattern")
    for text in fitting:
        if _matches(pattern, text) and not (forbidden and _matches(forbidden, text)):
            return text
    return _sized("text", shortest, longest)


def _matches(pattern: str | None, text: str) -> bool:
    try:
        return pattern is None or re.search(pattern, text) is not None
    except re.error:  # another dialect's
        return False


def _sized(text: str, shortest: int, longest: int | None) -> str:
    padded = text * (shortest // len(text) + 1) if len(text) < shortest else text
    return padded[: max(shortest, len(text))][:longest]


def _integer(schema: Schema, root: Schema, depth: int) -> int:
    return int(_number_from(schema, 1))


def _number(schema: Schema, root: Schema, depth: int) -> Any:
    return _number_from(schema, 1.5)


def _number_from(schema: Schema, plain: float) -> Any:
    low = schema.get("minimum")
    if (above := schema.get("exclusiveMinimum")) is not None:
        low = max(above + 1 if isinstance(plain, int) else above + 0.5, low if low is not None else above)
    high = schema.get("maximum")
    if (below := schema.get("exclusiveMaximum")) is not None:
        high = min(below - 1 if isinstance(plain, int) else below - 0.5, high if high is not None else below)
    value: float = plain
    if low is not None and high is not None and low > high:  # exclusive limits less than 1 apart
        return (low + high) / 2
    if low is not None:
        value = max(value, low)
    if high is not None:
        value = min(value, high)
    if step := schema.get("multipleOf"):
        value = -(-value // step) * step
    return value


def _nothing(schema: Schema, root: Schema, depth: int) -> None:
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


_MAKERS: dict[str, Callable[[Schema, Schema, int], Any]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": lambda _schema, _root, _depth: True,
    "null": _nothing,
}
