"""JSON that PostgreSQL can store and every other parser reads the same way; the rest is refused by name.

Refused: other encodings than UTF-8, duplicate keys, NaN and infinities, NUL characters and lone surrogates
(jsonb cannot hold them), nesting deeper than MAX_DEPTH, integers of absurd length.
"""

from __future__ import annotations

import gc
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn, TypeVar

from aeon_jobs.persistence.core.errors import Violation

MAX_DEPTH = 64
T = TypeVar("T")


class MalformedJson(ValueError):
    """The text is not acceptable JSON; `violation` says where and why."""

    def __init__(self, field: str, rule: str) -> None:
        self.violation = Violation(field, rule)
        super().__init__(f"{field}: {rule}")


def parse(body: bytes) -> Any:
    """The value that the body stands for.

    Raises:
        MalformedJson: it breaks one of the rules above.
    """
    try:
        text = body.decode()
        value = _with_limits(_DECODER.decode, text)
    except UnicodeDecodeError:
        raise MalformedJson("body", "is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise MalformedJson("body", f"is not JSON: {error.msg} at character {error.pos}") from None
    check(value, has_escapes=b"\\u" in body)
    return value


def value_at(text: str, position: int) -> tuple[Any, int]:
    """The value that begins at `position`, and where it ends. Hold it against `check` as well.

    Raises:
        JSONDecodeError: there is none, or its end is missing.
        MalformedJson
    """
    return _with_limits(_DECODER.raw_decode, text, position)


def check(value: Any, place: str = "", *, outside: int = 0, has_escapes: bool = True) -> None:
    """What a parser does not look at. `outside`: levels around the value.

    Raises:
        MalformedJson: names where it is, from `place` on.
    """
    _check_depth(value, MAX_DEPTH - outside)
    if has_escapes:  # the only way in for the characters that are looked for
        _check_texts(value, place)


def _with_limits(parse: Callable[..., T], *arguments: Any) -> T:
    # A large text makes a million objects, none of them garbage: the collector would look through all of them several times.
    gc.disable()
    try:
        return parse(*arguments)
    except RecursionError:
        raise _too_deep() from None
    except (json.JSONDecodeError, MalformedJson):
        raise
    except ValueError:  # Python refuses to convert integers of more than 4,300 digits
        raise MalformedJson("body", "contains an integer with too many digits") from None
    finally:
        gc.enable()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise MalformedJson(_printable(counts.most_common(1)[0][0]), "appears twice in one object")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJson("body", f"contains {name}, which is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedJson("body", "contains a number that is too large")
    return number


def _check_depth(value: Any, most: int) -> None:
    # Level by level: a recursive walk would be stopped by the very nesting that it looks for.
    level = [value]
    for _ in range(most + 1):
        level = [child for item in level if isinstance(item, dict | list) for child in _items(item)]
        if not level:
            return
    raise _too_deep()


def _items(item: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return item.values() if isinstance(item, dict) else item


def _check_texts(value: Any, place: str) -> None:
    stack: list[tuple[str, Any]] = [(place, value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, str):
            _check_text(path or "body", item)
        else:
            stack.extend(_children(path, item))


def _children(path: str, item: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(item, dict):
        for key, child in item.items():
            _check_text(f"{path}.{_printable(key)}".lstrip("."), key)
            yield f"{path}.{key}".lstrip("."), child
    elif isinstance(item, list):
        for index, child in enumerate(item):
            yield f"{path}[{index}]", child


def _check_text(path: str, text: str) -> None:
    if "\x00" in text:
        raise MalformedJson(path, "contains a NUL character")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise MalformedJson(_printable(path), "contains half of a surrogate pair")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)


def _printable(text: str) -> str:
    """Fit to be shown: what is wrong with it must not be wrong with the answer too."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "␀")[:200]


def _too_deep() -> MalformedJson:
    return MalformedJson("body", f"is nested deeper than {MAX_DEPTH} levels")


def encode(value: Any) -> bytes:
    """The same rules on the way out; used where no framework encodes for us."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str).encode()
