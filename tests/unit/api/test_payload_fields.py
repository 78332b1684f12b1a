"""`path:value` of the query, and `path=value` of the command line, say the same of a payload."""

from __future__ import annotations

from typing import Any

import pytest

from aeon_jobs.api.http.parameters import payload_of
from aeon_jobs.ops.cli.exit_codes import InvalidInput
from aeon_jobs.ops.cli.input.values import payload_fields
from aeon_jobs.persistence.core.errors import InvalidJob


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["to:a@b.c"], {"to": "a@b.c"}),
        (["customer.id:7"], {"customer": {"id": 7}}),
        (['customer.id:"7"'], {"customer": {"id": "7"}}),
        (["a.b:true", "a.c:null", "a.d:1.5"], {"a": {"b": True, "c": None, "d": 1.5}}),
        (["url:https://x"], {"url": "https://x"}),
        (["empty:"], {"empty": ""}),
        (['{"tags": ["x"]}', "n:1"], {"tags": ["x"], "n": 1}),
        (["a:1", "a.b:2"], {"a": {"b": 2}}),
    ],
)
def test_fields_by_path(given: list[str], expected: dict[str, Any]) -> None:
    assert payload_of(given) == expected
    typed = [text if text.startswith("{") else text.replace(":", "=", 1) for text in given]
    assert payload_fields(typed) == expected


@pytest.mark.parametrize("text", ["to", ":7", "a..b:1", ".a:1", "{"])
def test_what_is_no_field_is_refused(text: str) -> None:
    with pytest.raises(InvalidJob, match="payload"):
        payload_of([text])
    with pytest.raises(InvalidInput, match="payload"):
        payload_fields([text.replace(":", "=", 1)])
