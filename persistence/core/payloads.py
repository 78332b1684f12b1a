"""What a payload may be: JSON that PostgreSQL can hold, of a bounded size and depth, and right for its job type."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.core.schema_rules import broken_rules

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

MAX_DEPTH = 64
MAX_DIGITS = 1_000
"""Of a whole number. Python refuses to print those of more than 4300 digits, and many a reader far shorter ones."""


def encode(value: Any, field: str, *, limit: int) -> str:
    """JSON text of `value`, at most `limit` bytes.

    Raises:
        InvalidJob: not JSON (NaN, infinity, a NUL character, an unpaired surrogate, a key that is not text, a number of
            more than MAX_DIGITS), deeper than MAX_DEPTH, or larger than `limit`; names the very place.
    """
    if violations := list(islice(_violations(value, field, limit), 20)):
        raise InvalidJob(violations)
    encoded = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if (size := len(encoded.encode())) > limit:
        raise InvalidJob.at(field, f"must be at most {limit} bytes as JSON, is {size}")
    return encoded


def validate(payload: Mapping[str, Any], schema: Mapping[str, Any], field: str = "payload") -> None:
    """Hold a payload against its job type's JSON Schema.

    Raises:
        InvalidJob: every field at fault with the rule that it breaks.
    """
    errors = islice(_validator(json.dumps(schema, sort_keys=True)).iter_errors(payload), 20)
    # A set: a schema that is said twice (allOf, $ref) is broken twice.
    if violations := {violation for error in errors for violation in _broken(error, field)}:
        raise InvalidJob(sorted(violations, key=lambda violation: (violation.field, violation.rule))[:20])


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold it: no NUL, no unpaired surrogate."""
    return not any(_text_violations(text, ""))


def _violations(value: Any, path: str, limit: int) -> Iterator[Violation]:
    """Walks with a stack of its own: 10,000 levels must be an error message, not a RecursionError."""
    stack = [(value, path, 1)]
    nodes = 0
    while stack:
        node, where, depth = stack.pop()
        # Each is a byte at least. A few lists that hold one another several times have more nodes than can be walked.
        if (nodes := nodes + 1) > limit:
            yield Violation(path, f"must be at most {limit} bytes as JSON, is more")
            return
        if depth > MAX_DEPTH:
            yield Violation(path, f"must not be nested deeper than {MAX_DEPTH} levels")
            return
        match node:
            case None | bool():
                pass
            case int():
                if abs(node) >= _TOO_LARGE:
                    yield Violation(where, f"must be a number of at most {MAX_DIGITS} digits")
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
                    yield from _text_violations(key, f"{where}.{_shown(key)} (key)")
                    stack.append((child, f"{where}.{_shown(key)}", depth + 1))
            case list() | tuple():
                stack.extend((child, f"{where}[{index}]", depth + 1) for index, child in enumerate(node))
            case _:
                yield Violation(where, f"must be JSON, is {type(node).__name__}")


def _text_violations(text: str, where: str) -> Iterator[Violation]:
    if "\0" in text:
        yield Violation(where, "must not contain a NUL character: PostgreSQL cannot store it")
    elif not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield Violation(where, "must not contain an unpaired surrogate")


def _shown(key: str) -> str:
    """A key as it can stand in a message."""
    return key[:100].replace("\0", "\\0").encode(errors="backslashreplace").decode()


_TOO_LARGE = 10**MAX_DIGITS


@lru_cache(maxsize=256)
def _validator(schema: str) -> Draft202012Validator:
    # Imported late: a producer imports this module long before it checks its first payload, if it ever does.
    from jsonschema import Draft202012Validator, FormatChecker

    return Draft202012Validator(json.loads(schema), format_checker=FormatChecker())


def _broken(error: ValidationError, field: str) -> list[Violation]:
    path = field + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    return [Violation(path + below, rule) for below, rule in broken_rules(error)]
