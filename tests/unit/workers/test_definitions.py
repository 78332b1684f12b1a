"""What a handler's signature refuses, in plain words."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator

from aeon_jobs.middleware.execution.definitions import Definition
from aeon_jobs.persistence.core.errors import InvalidJob


def _even(number: int) -> int:
    if number % 2:
        raise ValueError("must be even")
    return number


def handler(
    order: int,
    language: Literal["de", "en"] = "en",
    at: datetime | None = None,
    n: Annotated[int, AfterValidator(_even)] = 0,
) -> None: ...


DEFINITION = Definition("handler", handler)


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ({}, "payload.order: is required"),
        ({"order": "x"}, "payload.order: must be of type integer"),
        ({"order": 1, "language": "fr"}, "payload.language: must be one of de, en"),
        ({"order": 1, "n": 3}, "payload.n: must be even"),
        ({"order": 1, "at": "noon"}, "payload.at: must be a valid datetime or date, input is too short"),
        ({"order": object()}, "payload.order: must be a valid integer"),
        ({"order": 1, "oder": 2}, "payload.oder: is not a field of this job type"),
    ],
)
def test_what_does_not_fit_is_told_in_plain_words(payload, told):
    with pytest.raises(InvalidJob) as refusal:
        DEFINITION.payload((), payload)
    assert str(refusal.value) == told


def test_what_the_schema_says_and_what_only_the_types_say_is_told_together():
    with pytest.raises(InvalidJob) as refusal:
        DEFINITION.payload((), {"order": "x", "n": 3})
    assert [violation.field for violation in refusal.value.violations] == ["payload.order", "payload.n"]
