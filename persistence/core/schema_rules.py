"""Rules of JSON Schema in plain words: "must be at least 5", whoever checks them and in whatever library's wording."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_LIMITS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "minProperties": "must have at least {} fields",
    "maxProperties": "must have at most {} fields",
    "pattern": "must match the pattern {}",
    "format": "must be a valid {}",
}
_SHOWN = 20
_LONGEST = 200


def broken_rules(error: ValidationError) -> list[tuple[str, str]]:
    """What an error of jsonschema says: (path below the error's own place, rule)."""
    value: Any = error.validator_value
    match error.validator:
        case "required":
            # One error per missing field, and none of them says which.
            return [(f".{name}", "is required") for name in value if name not in _mapping(error.instance)]
        case "additionalProperties" if value is False:
            known = _mapping(error.schema).get("properties", {})
            extra = sorted(set(_mapping(error.instance)) - set(known))
            return [(f".{name[:100]}", "is not a field of this job type") for name in extra[:_SHOWN]]
        case "anyOf" | "oneOf" if error.context:
            return _alternatives(error)
    return [("", _rule(str(error.validator), value, error.message))]


def _rule(validator: str, value: Any, message: str) -> str:
    match validator:
        case "type":
            return f"must be of type {_joined([value] if isinstance(value, str) else value)}"
        case "enum":
            return f"must be one of {', '.join(_shown(option) for option in value[:_SHOWN])}{_more(value)}"
        case "const":
            return f"must be {_shown(value)}"
        case "uniqueItems":
            return "must not hold the same item twice"
        case "not" if isinstance(value, dict) and "pattern" in value:
            return f"must not match the pattern {_short(str(value['pattern']))}"
    if validator in _LIMITS:
        return _LIMITS[validator].format(_short(str(value)))
    return _short(message)


def _alternatives(error: ValidationError) -> list[tuple[str, str]]:
    """Several schemas are allowed, none fits. Of those for values of this type, say what is wrong; else name the types."""
    branches: dict[Any, list[ValidationError]] = {}
    for fault in error.context or ():
        branches.setdefault(fault.schema_path[0], []).append(fault)
    near = [faults for faults in branches.values() if not any(_is_of_another_type(fault) for fault in faults)]
    if len(near) == 1:
        return [(_below(fault) + below, rule) for fault in near[0] for below, rule in broken_rules(fault)]
    faults = [fault for branch in near or branches.values() for fault in branch if not fault.path]
    if not near:
        types = [name for fault in faults if fault.validator == "type" for name in _names(fault.validator_value)]
        return [("", f"must be of type {_joined(dict.fromkeys(types))}")]
    rules = dict.fromkeys(rule for fault in faults for _, rule in broken_rules(fault))
    return [("", _short(" or ".join(rules) or error.message))]


def _is_of_another_type(fault: ValidationError) -> bool:
    return fault.validator == "type" and not fault.path


def _below(fault: ValidationError) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault.path)


def _names(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _joined(names: Iterable[str]) -> str:
    return " or ".join(names)


def _shown(value: Any) -> str:
    return _short(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _more(values: list[Any]) -> str:
    return " …" if len(values) > _SHOWN else ""


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:80]} … {text[-100:]}"
