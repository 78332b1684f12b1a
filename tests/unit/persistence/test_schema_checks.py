"""The quick yes to a payload says what jsonschema says, whatever the schema and the value are."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import BaseModel, Field

from aeon_jobs.middleware.execution.definitions import Definition
from aeon_jobs.persistence.core.schema_checks import compiled

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.0, 1.0, -0.5, 1e300, 2**70]),
    st.sampled_from(["", "a", "ab", "abc", "1", "a@b", "0.0.0.0", "2030-01-31"]),
)
NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "object", "array", "null"])
SMALL = st.integers(0, 3)


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keywords: dict[str, st.SearchStrategy[Any]] = {
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
        "enum": st.lists(SCALARS, min_size=1, max_size=3),
        "const": SCALARS,
        **dict.fromkeys(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], st.integers(-2, 2)),
        **dict.fromkeys(["minLength", "maxLength", "minItems", "maxItems"], SMALL),
        "pattern": st.sampled_from(["^a", "b$", "[0-9]"]),
        "format": st.sampled_from(["email", "ipv4", "date", "date-time", "no such"]),
        "items": inner,
        "anyOf": st.lists(inner, min_size=1, max_size=2),
        "allOf": st.lists(inner, min_size=1, max_size=2),
        "properties": st.dictionaries(NAMES, inner, max_size=3),
        "required": st.lists(NAMES, max_size=2, unique=True),
        "additionalProperties": inner,
        "$ref": st.just("#/$defs/d"),
        "title": st.just("a remark"),
        "not": inner,
    }
    return st.lists(st.sampled_from(sorted(keywords)), max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: keywords[name] for name in names})
    )


SCHEMAS = st.recursive(st.booleans() | _schemas(st.booleans()), _schemas, max_leaves=6)


@given(schema=_schemas(SCHEMAS), below=SCHEMAS, values=st.lists(VALUES, min_size=1, max_size=5))
@example(schema={"const": 1}, below=True, values=[True])
@example(schema={"items": {"$ref": "#/$defs/d"}}, below={"type": "integer"}, values=[[1, True], [1]])
def test_whatever_is_accepted_is_valid(schema: dict[str, Any], below: Any, values: list[Any]) -> None:
    schema = {**schema, "$defs": {"d": below}}
    fits = compiled(schema)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    for value in values:
        if fits is not None and not _refers_to_itself(below) and fits(value):
            assert not list(validator.iter_errors(value))


def _refers_to_itself(schema: Any) -> bool:
    return "$ref" in str(schema)


class Colour(enum.StrEnum):
    RED = "red"


class Line(BaseModel):
    sku: Annotated[str, Field(min_length=1, pattern="^[a-z]+$")]
    count: Annotated[int, Field(ge=1)] = 1
    parts: list[Line] | None = None


def handler(
    order: int,
    lines: list[Line],
    due: datetime | None = None,
    kind: Literal["a", "b"] = "a",
    colour: Colour = Colour.RED,
    tags: dict[str, str | int] | None = None,
) -> None: ...


GOOD = {"order": 1, "lines": [{"sku": "a", "parts": [{"sku": "b"}]}], "due": "2030-01-01T00:00:00Z", "tags": {"x": 1}}


def test_the_schema_of_an_ordinary_handler_has_a_quick_check() -> None:
    schema = Definition(name="order", handler=handler).payload_schema
    fits = compiled(schema)
    assert fits is not None
    assert fits(GOOD)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    bad = {"order": "1", "lines": [{"sku": "b", "parts": [{"sku": "B"}]}], "kind": "c", "colour": "blue", "more": 1}
    for name, value in bad.items():
        assert not fits({**GOOD, name: value})
        assert not validator.is_valid({**GOOD, name: value})
    assert not fits({"order": 1})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "text"},
        {"type": 5},
        {"minimum": "1"},
        {"maxLength": None},
        {"pattern": "("},
        {"required": 1},
        {"properties": []},
        {"$ref": "https://example.org/schema"},
        {"$ref": "#/$defs/none"},
        {"prefixItems": [True]},
        {"patternProperties": {}},
    ],
)
def test_a_schema_that_is_not_understood_is_left_to_jsonschema(schema: dict[str, Any]) -> None:
    assert compiled(schema) is None
