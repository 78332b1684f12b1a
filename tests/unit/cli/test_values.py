"""What people type."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeon_jobs.ops.cli.exit_codes import InvalidInput
from aeon_jobs.ops.cli.input.values import duration, exact_moment, json_object, moment, pairs
from aeon_jobs.ops.cli.output.values import as_text, clean, first_line


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("90s", 90), ("10m", 600), ("2h", 7_200), ("7d", 604_800)]
)
def test_durations_have_units(text: str, seconds: float) -> None:
    assert duration(text, "--in") == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "-5s", "5 s", "1.5h", "s", "5w", "\u0665s", "99999999999d"])
def test_what_is_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^--in: "):
        duration(text, "--in")


def test_moments_carry_a_zone() -> None:
    assert exact_moment("2030-01-31T09:00:00Z", "--at") == datetime(2030, 1, 31, 9, tzinfo=UTC)
    assert exact_moment("2030-01-31T09:00+02:00", "--at").utcoffset() == timedelta(hours=2)
    for text in ("2030-01-31T09:00:00", "tomorrow", ""):
        with pytest.raises(InvalidInput, match=r"^--at: "):
            exact_moment(text, "--at")


def test_a_duration_as_a_moment_lies_back() -> None:
    found = moment("2h", "--after")
    assert found is not None
    assert timedelta(hours=2) <= datetime.now(UTC) - found < timedelta(hours=2, minutes=1)
    assert moment(None, "--after") is None


def test_pairs_are_text_and_objects_keep_their_types() -> None:
    assert pairs(["a=b", "c=d=e", '{"n": 5}', "empty="]) == {"a": "b", "c": "d=e", "n": 5, "empty": ""}
    assert pairs(None) == {}
    for text in ("novalue", "=x", "{broken"):
        with pytest.raises(InvalidInput, match=r"^metadata: "):
            pairs([text])


@given(st.text().filter(lambda text: not text.startswith(("@", "-"))))
def test_any_payload_is_an_object_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        assert isinstance(json_object(text), dict)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InvalidInput, match="payload: "):
        json_object("[" * 100_000)


@given(st.text())
def test_a_terminal_gets_nothing_to_obey(text: str) -> None:
    assert all(character.isprintable() or character in "\n\t" for character in clean(text))


def test_values_as_people_read_them() -> None:
    assert [as_text(value) for value in (None, True, 7, ["a", 1], {"k": "ä"})] == [
        "-",
        "yes",
        "7",
        "a, 1",
        '{"k": "ä"}',
    ]
    assert first_line("one\ntwo") == "one"
    assert first_line("x" * 100, 10) == "x" * 9 + "…"
    assert first_line("") == ""
