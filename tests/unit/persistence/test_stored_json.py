"""JSON of the database that Python cannot read as a whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from aeon_jobs.persistence.core import payloads, stored_json
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.core.stored_json import DEEPEST, MARK, Cut, CutArray, CutObject, CutText, decode, is_cut
from tests.unit.persistence.test_payloads import ANY_JSON

MANY = "9" * 6_000


def nested(levels: int, inner: str = "") -> str:
    return "[" * levels + inner + "]" * levels


@given(ANY_JSON)
def test_what_can_be_read_is_read_as_always(value: object) -> None:
    found = decode(json.dumps(value))
    assert found == value
    assert not isinstance(found, Cut)


@pytest.mark.parametrize("levels", [201, 900, 1_000, 50_000])
def test_what_is_too_deep_is_cut_there(levels: int) -> None:
    text = f'{{"brackets ]}}\\"]": "]]", "deep": {nested(levels - 1, "1")}, "after": [[7], "["]}}'
    found = decode(text)
    assert isinstance(found, CutObject)
    assert found["after"] == [[7], "["]
    written = json.dumps(found, ensure_ascii=False)
    assert written.count("[") == DEEPEST - 1 + 3
    assert f"{MARK}nested deeper than 200 levels" in written


def test_200_levels_are_whole() -> None:
    assert type(decode(nested(DEEPEST))) is list
    assert type(decode(nested(DEEPEST + 1))) is CutArray


def test_a_number_that_python_does_not_read_is_told() -> None:
    found = decode(f'{{"n": -{MANY}, "large": {"8" * 4_300}, "m": [1, 2.5]}}')
    assert found == {"n": f"{MARK}a number of 6,000 digits", "large": int("8" * 4_300), "m": [1, 2.5]}
    assert isinstance(decode(MANY), CutText)


def test_what_is_not_whole_is_known_and_never_stored() -> None:
    found = decode(f'{{"n": {MANY}}}')
    assert is_cut(found)
    assert is_cut({"copy": dict(found)})
    assert not is_cut({"n": 1})
    with pytest.raises(InvalidJob, match="payload: must not be nested deeper than 200 levels") as refused:
        payloads.encode(found, "payload", limit=10_000)
    assert refused.value.violations[0].rule == stored_json.RULE
