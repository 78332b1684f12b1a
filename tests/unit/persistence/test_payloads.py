"""What a payload may be: every rule, and the place it names."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.errors import InvalidJob

ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.from_regex(r"\A[a-zé ]{0,5}\Z"), inner, max_size=4),
    max_leaves=20,
)


def broken(value: object, limit: int = 1_000_000) -> list[tuple[str, str]]:
    with pytest.raises(InvalidJob) as refusal:
        payloads.encode(value, "payload", limit=limit)
    return [(violation.field, violation.rule) for violation in refusal.value.violations]


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@given(ANY_JSON)
def test_json_comes_out_as_it_went_in(value):
    assert json.loads(payloads.encode(value, "payload", limit=1_000_000)) == value


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_have_is_refused_where_it_stands(number):
    ((field, rule),) = broken({"a": [0, {"b": number}]})
    assert field == "payload.a[1].b"
    assert "finite" in rule


def test_a_nul_is_refused_in_a_value_and_in_a_key():
    assert [field for field, rule in broken({"a": "x\0"}) if "NUL" in rule] == ["payload.a"]
    ((field, rule),) = broken({"a": {"x\0y": 1}})
    assert (field, "NUL" in rule) == ("payload.a.x\\0y (key)", True)


def test_an_unpaired_surrogate_is_refused_in_a_value_and_in_a_key():
    assert "surrogate" in broken({"a": ["\ud800"]})[0][1]
    ((field, rule),) = broken({"x\udfff": 1})
    assert (field, "surrogate" in rule) == ("payload.x\\udfff (key)", True)


def test_a_message_about_a_key_that_cannot_be_sent_can_itself_be_sent():
    for field, _ in broken({"\ud800": {"\0": [math.nan, "\0"]}}):
        assert "\0" not in field
        field.encode()


def test_text_beyond_ascii_is_welcome():
    assert payloads.encode({"gruß": "🎉"}, "payload", limit=100) == '{"gruß":"🎉"}'


def test_a_key_that_is_not_text_is_refused():
    ((field, rule),) = broken({"a": {1: "one"}})
    assert (field, rule) == ("payload.a", "must have text keys, has int")


@pytest.mark.parametrize("value", [b"x", {1, 2}, object(), Decimal(1), 1j, print])
def test_what_is_not_json_is_refused_with_its_type(value):
    ((field, rule),) = broken([value])
    assert field == "payload[0]"
    assert type(value).__name__ in rule


def test_subclasses_of_json_types_are_json():
    assert payloads.encode(OrderedDict(a=(1, 2)), "payload", limit=100) == '{"a":[1,2]}'


def test_the_deepest_allowed_passes_and_one_level_more_does_not():
    payloads.encode(nested(payloads.MAX_DEPTH - 1), "payload", limit=1_000)
    assert "nested deeper" in broken(nested(payloads.MAX_DEPTH))[0][1]


def test_ten_thousand_levels_are_an_error_message():
    assert broken(nested(10_000)) == [("payload", "must not be nested deeper than 64 levels")]


def test_a_value_that_contains_itself_is_refused():
    cycle: list[object] = []
    cycle.append(cycle)
    assert "nested deeper" in broken(cycle)[0][1]


def test_a_few_lists_that_stand_for_billions_of_nodes_are_refused_without_counting_them():
    value: object = "lol"
    for _ in range(60):
        value = [value] * 10
    ((field, rule),) = broken(value, limit=10_000)
    assert (field, rule) == ("payload", "must be at most 10000 bytes as JSON, is more")


def test_the_limit_is_in_bytes_not_characters():
    payloads.encode("ab", "payload", limit=4)
    assert broken("éé", limit=5) == [("payload", "must be at most 5 bytes as JSON, is 6")]


def test_a_whole_number_of_a_thousand_digits_passes_and_one_more_does_not():
    payloads.encode(-(10**payloads.MAX_DIGITS) + 1, "payload", limit=2_000)
    # Python itself would refuse to print the second of these.
    for number in (10**payloads.MAX_DIGITS, -(10**5_000)):
        assert broken({"n": number}) == [("payload.n", "must be a number of at most 1000 digits")]


def test_at_most_twenty_faults_are_named():
    assert len(broken([math.nan] * 1_000)) == 20


SCHEMA = {
    "type": "object",
    "required": ["to", "subject", "body"],
    "additionalProperties": False,
    "properties": {
        "to": {"type": "string", "minLength": 3},
        "subject": {"type": "string"},
        "body": {"type": "string"},
        "copies": {"type": "array", "items": {"type": "object", "required": ["to"]}},
        "at": {"type": "string", "format": "date"},
    },
}


def faults(payload: dict[str, object], schema: dict[str, object] | None = None) -> list[tuple[str, str]]:
    with pytest.raises(InvalidJob) as refusal:
        payloads.validate(payload, schema or SCHEMA)
    return [(violation.field, violation.rule) for violation in refusal.value.violations]


GOOD = {"to": "a@b", "subject": "s", "body": "b"}


def test_a_payload_that_fits_its_schema_passes():
    payloads.validate(GOOD, SCHEMA)


def test_every_missing_field_is_named_once():
    assert faults({}) == [
        ("payload.body", "is required"),
        ("payload.subject", "is required"),
        ("payload.to", "is required"),
    ]


def test_every_extra_field_is_named():
    assert faults({**GOOD, "boddy": 1, "cc": 2}) == [
        ("payload.boddy", "is not a field of this job type"),
        ("payload.cc", "is not a field of this job type"),
    ]


def test_a_mistyped_field_is_named_with_its_type():
    assert faults({**GOOD, "to": 7}) == [("payload.to", "must be of type string")]


def test_a_fault_inside_a_list_names_its_place():
    assert faults({**GOOD, "copies": [{"to": "x"}, {}]}) == [("payload.copies[1].to", "is required")]


PLAIN = [
    ({"enum": ["de", "en"]}, "fr", "must be one of de, en"),
    ({"enum": [1, None]}, 2, "must be one of 1, null"),
    ({"const": "x"}, "y", "must be x"),
    ({"minimum": 1}, 0, "must be at least 1"),
    ({"maximum": 200}, 201, "must be at most 200"),
    ({"exclusiveMinimum": 0}, 0, "must be more than 0"),
    ({"exclusiveMaximum": 1}, 1, "must be less than 1"),
    ({"multipleOf": 5}, 6, "must be a multiple of 5"),
    ({"minLength": 3}, "ab", "must have at least 3 characters"),
    ({"maxLength": 2}, "abc", "must have at most 2 characters"),
    ({"minItems": 1}, [], "must have at least 1 items"),
    ({"uniqueItems": True}, [1, 1], "must not hold the same item twice"),
    ({"pattern": "^a$"}, "b", "must match the pattern ^a$"),
    ({"not": {"pattern": "b"}}, "b", "must not match the pattern b"),
    ({"format": "email"}, "nobody", "must be a valid email"),
    ({"type": ["integer", "null"]}, "x", "must be of type integer or null"),
    ({"anyOf": [{"type": "integer", "maximum": 200}, {"type": "null"}]}, 300, "must be at most 200"),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "x", "must be of type integer or null"),
    ({"anyOf": [{"const": 1}, {"const": 2}]}, 3, "must be 1 or must be 2"),
]


@pytest.mark.parametrize(("schema", "value", "rule"), PLAIN)
def test_rules_are_told_in_plain_words_with_what_is_allowed(schema, value, rule):
    assert faults({"x": value}, {"properties": {"x": schema}}) == [("payload.x", rule)]


def test_a_fault_inside_the_one_alternative_that_fits_names_its_place():
    items = {"type": "array", "items": {"type": "string"}}
    schema = {"properties": {"to": {"anyOf": [{"type": "string"}, items]}}}
    assert faults({"to": ["a", 1]}, schema) == [("payload.to[1]", "must be of type string")]


def test_formats_are_held():
    assert faults({**GOOD, "at": "31 February"})[0][0] == "payload.at"


def test_a_long_value_is_not_echoed_whole():
    rule = faults({"x": "y" * 100_000}, {"properties": {"x": {"maxLength": 5}}})[0][1]
    assert len(rule) < 250


@pytest.mark.parametrize(("text", "expected"), [("plain", True), ("grüße 🎉", True), ("a\0", False), ("\ud800", False)])
def test_only_text_that_postgresql_can_hold_is_storable(text, expected):
    assert payloads.is_storable(text) is expected
