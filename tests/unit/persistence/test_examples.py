"""A job type without an example gets one from its schema."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, HttpUrl

from aeon_jobs.actors import data_processing, email_notification, webhook_delivery
from aeon_jobs.middleware.execution.definitions import Definition
from aeon_jobs.persistence.core import payloads
from aeon_jobs.persistence.core.examples import payload_example


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Line(BaseModel):
    sku: Annotated[str, Field(pattern=r"^[A-Z]-\d$")]
    count: Annotated[int, Field(ge=5, multiple_of=4)]
    lines: list[Line] = []


class Tree(BaseModel):
    children: list[Tree]


def everything(
    order: int,
    name: str,
    short: Annotated[str, Field(min_length=12, max_length=14)],
    letter: Annotated[str, Field(max_length=1)],
    ratio: Annotated[float, Field(gt=0, lt=1)],
    language: Literal["de", "en"],
    size: Size,
    lines: list[Line],
    pair: tuple[int, str],
    maybe: int | None,
    either: int | list[str],
    tags: Annotated[set[str], Field(min_length=3)],
    tree: Tree,
    labels: dict[str, int],
    free: dict[str, Any],
    anything: Any,
    flag: bool,
    at: datetime,
    day: date,
    wait: timedelta,
    who: UUID,
    where: HttpUrl,
    price: Decimal,
    month: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")],
    shown: Annotated[str, Field(examples=["as declared"])],
    left_out: int = 5,
) -> None: ...


def test_an_example_holds_every_required_field_and_is_a_valid_payload():
    definition = Definition("everything", everything)
    example = payload_example(definition.payload_schema)
    payloads.validate(example, definition.payload_schema)
    definition.arguments(example)
    assert "left_out" not in example
    assert (example["order"], example["language"], example["size"]) == (1, "de", "small")
    assert (example["maybe"], example["shown"], example["month"]) == (1, "as declared", "2026-01")
    assert example["lines"] == [{"sku": "A-1", "count": 8}]


@pytest.mark.parametrize("job_type", [data_processing, email_notification, webhook_delivery])
def test_the_built_in_types_schemas_have_examples_too(job_type):
    schema = job_type.definition.payload_schema
    payloads.validate(payload_example(schema), schema)


def test_a_type_without_fields_has_an_empty_example():
    assert payload_example({"type": "object"}) == {}


def test_what_is_no_schema_of_ours_makes_no_error():
    odd = [{}, {"$ref": "#/nowhere"}, {"$ref": "#"}, {"type": "object", "required": ["x"]}, {"type": ["null"]}]
    odd += [{"type": "object", "required": ["x"], "properties": {"x": {"type": "string", "pattern": "("}}}]
    for schema in odd:
        assert isinstance(payload_example(schema), dict)
