"""What a payload may be: plain JSON that PostgreSQL can hold, of a bounded size and depth, and right for its job type."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from persistence.errors import InvalidJob, Violation

MAX_DEPTH = 64


def encode(value: Any, field: str, *, limit: int) -> str:
    """JSON text of `value`, at most `limit` bytes.

    Raises:
        InvalidJob: not JSON (NaN, infinity, a NUL character, an unpaired surrogate, a key that is not text), deeper than
            MAX_DEPTH, or larger than `limit`; names the very place.
    """
    if violations := list(_violations(value, field)):
        raise InvalidJob(violations[:20])
    encoded = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if (size := len(encoded.encode())) > limit:
        raise InvalidJob.at(field, f"must be at most {limit} bytes as JSON, is {size}")
    return encoded


def validate(payload: Mapping[str, Any], schema: Mapping[str, Any], field: str = "payload") -> None:
    """Hold a payload against its job type's JSON Schema.

    Raises:
        InvalidJob: every field at fault with the rule that it breaks.
    """
    errors = _validator(json.dumps(schema, sort_keys=True)).iter_errors(payload)
    if violations := [_violation(error, field) for _, error in zip(range(20), errors, strict=False)]:
        raise InvalidJob(sorted(violations, key=lambda violation: violation.field))


def _violations(value: Any, path: str) -> Iterator[Violation]:
    """Walks with a stack of its own: 10,000 levels must be an error message, not a RecursionError."""
    stack = [(value, path, 1)]
    while stack:
        node, where, depth = stack.pop()
        if depth > MAX_DEPTH:
            yield Violation(path, f"must not be nested deeper than {MAX_DEPTH} levels")
            return
        match node:
            case None | bool() | int():
                pass
            case str():
                yield from _text_violations(node, where)
            case float():
                if not math.isfinite(node):
                    yield Violation(where, "must be a finite number: JSON has no NaN and no infinity")
            case dict():
                for key, child in node.items():
                    if not isinstance(key, str):
                        yield Violation(where, f"must have text keys, has {type(key).__name__}")
                        continue
                    yield from _text_violations(key, f"{where} (key)")
                    stack.append((child, f"{where}.{key[:100]}", depth + 1))
            case list() | tuple():
                stack.extend((child, f"{where}[{index}]", depth + 1) for index, child in enumerate(node))
            case _:
                yield Violation(where, f"must be JSON, is {type(node).__name__}")


def _text_violations(text: str, where: str) -> Iterator[Violation]:
    if "\0" in text:
        yield Violation(where.replace("\0", "\\0"), "must not contain a NUL character: PostgreSQL cannot store it")
    elif not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield Violation(where.encode(errors="replace").decode(), "must not contain an unpaired surrogate")


@lru_cache(maxsize=256)
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema), format_checker=FormatChecker())


def _violation(error: ValidationError, field: str) -> Violation:
    path = field + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    match error.validator:
        case "required":
            missing = next(name for name in cast("list[str]", error.validator_value) if name not in error.instance)
            return Violation(f"{path}.{missing}", "is required")
        case "additionalProperties":
            known: dict[str, Any] = cast("dict[str, Any]", error.schema).get("properties", {})
            extra = sorted(set(error.instance) - set(known))
            return Violation(f"{path}.{extra[0][:100]}", "is not a field of this job type")
        case "type":
            return Violation(path, f"must be of type {error.validator_value}")
    return Violation(path, _short(error.message))


def _short(message: str) -> str:
    return message if len(message) <= 200 else f"{message[:80]} … {message[-100:]}"
