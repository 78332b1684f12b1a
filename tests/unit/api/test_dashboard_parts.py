"""Parts of the dashboard that need no server: values as text, forms of schemas, files of others."""

from __future__ import annotations

import hashlib
import re
from importlib import resources

import pytest

from aeon_jobs.api.dashboard.json_view import LONGEST_TEXT, json_view
from aeon_jobs.api.dashboard.page import Ask, Viewer, link, parameters
from aeon_jobs.api.dashboard.payload_form import form_fields, sent_payload
from aeon_jobs.api.dashboard.rendering import duration, number, short
from aeon_jobs.api.dashboard.visitors import local_path
from aeon_jobs.api.service.core.principals import Role
from aeon_jobs.persistence.core.errors import InvalidJob

SCHEMA = {
    "properties": {
        "to": {"type": "string"},
        "times": {"type": "integer"},
        "ratio": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "urgent": {"type": "boolean"},
        "language": {"$ref": "#/$defs/Language"},
        "lines": {"type": "array"},
    },
    "required": ["to"],
    "$defs": {"Language": {"enum": ["en", "de"]}},
}


def ask(query: str) -> Ask:
    return Ask("/x", {}, parameters(query), Viewer(Role.ADMIN, None, False))


def test_files_of_others_are_unchanged() -> None:
    folder = resources.files("aeon_jobs.api.dashboard").joinpath("static")
    listed = re.findall(
        r"^\| (\S+\.(?:js|css)) .*\((\S+)\) \| (\w{64}) \|$", folder.joinpath("VENDORED.md").read_text(), re.M
    )
    assert {name: hashlib.sha256(folder.joinpath(name).read_bytes()).hexdigest() for name, _, _ in listed} == {
        name: digest for name, _, digest in listed
    }
    assert {name for name, _, _ in listed} == {entry.name for entry in folder.iterdir() if ".min." in entry.name}
    assert all(folder.joinpath(licence).is_file() for _, licence, _ in listed)


def test_json_is_shown_as_text_and_whole_numbers_stay_whole() -> None:
    shown = json_view({"<b>": "<script>", "n": 12345678901234567890, "deep": [[[None]]]})
    assert "<b>" not in shown
    assert "<script>" not in shown
    assert "12345678901234567890" in shown
    assert json_view("x" * (LONGEST_TEXT + 5)).endswith("… 5 more characters</span></span>")


def test_json_of_any_size_and_depth_is_shown() -> None:
    deep: list[object] = []
    for _ in range(60):
        deep = [deep]
    assert "not shown" in json_view(deep)
    assert len(json_view(list(range(100_000)))) < 200_000


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0 ms"),
        (850, "850 ms"),
        (3_210, "3.2 s"),
        (250_000, "4 min 10 s"),
        (7_500_000, "2 h 5 min"),
    ],
)
def test_durations(ms: float | None, text: str) -> None:
    assert duration(ms) == text


def test_numbers_are_grouped_and_texts_are_cut() -> None:
    assert (number(1_234_567), number(3.25), number(None)) == ("1,234,567", "3.2", "\N{EN DASH}")
    assert short("a\nb\tc") == "a b c"
    assert len(short("x" * 1_000_000)) == 160


def test_links_keep_what_is_given() -> None:
    assert link("/jobs", {"status": ["failed", "running"], "q": ""}) == "/dashboard/jobs?status=failed&status=running"
    assert ask("a=1&b=2&b=3").link(a=None, c="ü") == "/dashboard/x?b=2&b=3&c=%C3%BC"
    assert ask("b=2&a=1").query == ask("a=1&b=2&c=").query


def test_a_form_of_a_schema_has_a_field_for_each_property() -> None:
    fields = form_fields(SCHEMA, {"to": "a@b.c", "times": 2, "urgent": True, "lines": [1]})
    assert [(field.name, field.kind) for field in fields] == [
        ("to", "text"),
        ("times", "integer"),
        ("ratio", "number"),
        ("urgent", "switch"),
        ("language", "choice"),
        ("lines", "json"),
    ]
    assert [field.value for field in fields] == ["a@b.c", "2", "", "true", "", "[\n  1\n]"]


def test_what_a_form_says_is_a_payload() -> None:
    sent = ask(
        "payload.to=a&payload.times=3&payload.ratio=0.5&payload.urgent=true&payload.language=de&payload.lines=[1]"
    )
    assert sent_payload(SCHEMA, sent) == {
        "to": "a",
        "times": 3,
        "ratio": 0.5,
        "urgent": True,
        "language": "de",
        "lines": [1],
    }
    assert sent_payload(SCHEMA, ask("payload.to=&payload.times=")) == {"to": ""}


def test_a_form_that_breaks_rules_names_all_of_them() -> None:
    with pytest.raises(InvalidJob) as error:
        sent_payload(SCHEMA, ask("payload.to=a&payload.times=many&payload.lines=[1"))
    assert [violation.field for violation in error.value.violations] == ["payload.times", "payload.lines"]


@pytest.mark.parametrize("path", ["//x", "https://x", "/dashboardx", "/dashboard\\x", "/dashboard\n", "", "/"])
def test_only_addresses_of_the_dashboard_are_local(path: str) -> None:
    assert local_path(path) == "/dashboard"
