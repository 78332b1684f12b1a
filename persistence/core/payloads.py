"""What a payload may be: JSON that PostgreSQL can hold, of a bounded size and depth, and right for its job type."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from aeon_jobs.persistence.core import schema_checks, stored_json
from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.core.schema_rules import broken_rules

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

    _Rules = tuple[Callable[[], Draft202012Validator], schema_checks.Check | None]

MAX_DEPTH = 64
MAX_DIGITS = 1_000
"""Of a whole number. Python refuses to print those of more than 4300 digits, and many a reader far shorter ones."""


def encode(value: Any, field: str, *, limit: int) -> str:
    """JSON text of `value`, at most `limit` bytes.

    Raises:
        InvalidJob: not JSON (NaN, infinity, a NUL character, an unpaired surrogate, a key that is not text, a number of
            more than MAX_DIGITS), deeper than MAX_DEPTH, larger than `limit`, or read from the database and not whole; names
            the very place.
    """
    if (plain := _plain(value, limit)) is not None:
        return plain
    if isinstance(value, stored_json.Cut):
        raise InvalidJob.at(field, stored_json.RULE)
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
    validator, fits = _rules(schema)
    if fits is not None and fits(payload):
        return
    errors = islice(validator().iter_errors(payload), 20)
    # A set: a schema that is said twice (allOf, $ref) is broken twice.
    if violations := {violation for error in errors for violation in _broken(error, field)}:
        raise InvalidJob(sorted(violations, key=lambda violation: (violation.field, violation.rule))[:20])


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold it: no NUL, no unpaired surrogate."""
    return not any(_text_violations(text, ""))


def _plain(value: Any, limit: int) -> str | None:
    """JSON text of a value that keeps every rule by a wide margin, quickly; None if it takes a closer look."""
    if not _is_small(value, limit):
        return None
    encode, decode, unencodable = _codec()
    try:
        encoded = encode(value)
        # The same again, so there is no NaN in it, and no key but text.
        if len(encoded) * 2 > limit or b"\\u0000" in encoded or decode(encoded) != value:
            return None
    except unencodable:
        return None
    if len(encoded) > MAX_DIGITS and _LONG_NUMBER.search(encoded):
        return None
    return encoded.decode()


@cache
def _codec() -> tuple[Callable[[Any], bytes], Callable[[bytes], Any], tuple[type[Exception], ...]]:
    # Imported late: who declares job types and sends none does without.
    import msgspec

    return msgspec.json.encode, msgspec.json.decode, (ValueError, OverflowError, msgspec.MsgspecError)


def _is_small(value: Any, limit: int) -> bool:
    """Whether it is made of few dicts and lists, and plain values. So it is not too deep, nor too large to be encoded."""
    containers, nodes = [value], 0
    for container in containers:
        if type(container) not in (dict, list):
            return False
        inner = [
            child
            for child in (container.values() if type(container) is dict else container)
            if type(child) not in _PLAIN_TYPES
        ]
        containers += inner
        nodes += len(container)
        if len(containers) >= MAX_DEPTH or nodes > limit:
            return False
    return True


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


_PLAIN_TYPES = frozenset({str, int, float, bool, type(None)})
_TOO_LARGE = 10**MAX_DIGITS
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % MAX_DIGITS)

_KNOWN_RULES: dict[int, tuple[Mapping[str, Any], _Rules]] = {}
"""By id of the schema. The schema is kept with them, so that no other one gets its id."""


def _rules(schema: Mapping[str, Any]) -> _Rules:
    """What makes the validator of a schema, and a quick check for what fits."""
    known = _KNOWN_RULES.get(id(schema))
    if known is None:
        if len(_KNOWN_RULES) >= 256:
            _KNOWN_RULES.clear()
        text = json.dumps(schema, sort_keys=True)
        known = _KNOWN_RULES[id(schema)] = schema, (partial(_validator, text), _check(text))
    return known[1]


@lru_cache(maxsize=256)
def _check(schema: str) -> schema_checks.Check | None:
    return schema_checks.compiled(json.loads(schema))


@lru_cache(maxsize=256)
def _validator(schema: str) -> Draft202012Validator:
    # Imported late: a producer imports this module long before it checks its first payload, if it ever does.
    from jsonschema import Draft202012Validator, FormatChecker

    return Draft202012Validator(json.loads(schema), format_checker=FormatChecker())


def _broken(error: ValidationError, field: str) -> list[Violation]:
    path = field + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    return [Violation(path + below, rule) for below, rule in broken_rules(error)]
