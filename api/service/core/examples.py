"""A payload that fits a JSON Schema, for job types that declare no example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.errors import InvalidJob

_DEEPEST = 8
_FORMATS = {
    "date-time": "2030-01-31T09:00:00Z",
    "date": "2030-01-31",
    "time": "09:00:00Z",
    "email": "ada@example.com",
    "uri": "https://example.com",
    "uuid": "01a20133-946e-7c3a-a035-6e8448176f12",
}


def example_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """With every field, or with those that are required; {} when neither fits, or when there is no field at all."""
    for only_required in (False, True):
        example = _value(schema, schema, only_required, 0)
        if isinstance(example, dict) and _fits(example, schema):
            return example
    return {}


def _fits(example: dict[str, Any], schema: Mapping[str, Any]) -> bool:
    try:
        payloads.validate(example, schema)
    except InvalidJob:
        return False
    return True


def _value(schema: Mapping[str, Any], root: Mapping[str, Any], only_required: bool, depth: int) -> Any:
    if depth > _DEEPEST:
        return None
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    for name in ("examples", "enum"):
        if schema.get(name):
            return schema[name][0]
    if "$ref" in schema:
        return _value(_definition(schema["$ref"], root), root, only_required, depth + 1)
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return _value(schema[name][0], root, only_required, depth + 1)
    return _of_type(schema, root, only_required, depth)


def _of_type(schema: Mapping[str, Any], root: Mapping[str, Any], only_required: bool, depth: int) -> Any:
    kind = schema.get("type")
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "object":
            required = schema.get("required", ())
            properties = schema.get("properties", {}).items()
            chosen = ((name, of) for name, of in properties if not only_required or name in required)
            return {name: _value(of, root, only_required, depth + 1) for name, of in chosen}
        case "array":
            items = schema.get("items", {})
            return [_value(items, root, only_required, depth + 1) for _ in range(max(1, schema.get("minItems", 1)))]
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return True
        case "null":
            return None
    text = _FORMATS.get(schema.get("format", ""), "text")
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", len(text) + 1_000)]


def _number(schema: Mapping[str, Any]) -> Any:
    step = schema.get("multipleOf", 1)
    if "minimum" in schema:
        return schema["minimum"]
    if "exclusiveMinimum" in schema:
        return schema["exclusiveMinimum"] + step
    return min(step, schema.get("maximum", schema.get("exclusiveMaximum", step + 1) - 1))


def _definition(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part, {}) if isinstance(found, Mapping) else {}
    return found if isinstance(found, Mapping) else {}
