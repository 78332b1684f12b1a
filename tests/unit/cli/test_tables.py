"""Tables fit the terminal: one row is one line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
from rich.console import Console

from aeon_jobs.ops.cli.output.formatters.system import unique_in_words
from aeon_jobs.ops.cli.output.tables import SHORT_ID, Column, shortened, table
from aeon_jobs.persistence.queue.unique import Debounce, Unique, shape

COLUMNS = (
    Column("id"),
    Column("type", least=24),
    Column("status"),
    Column("prio", rank=3),
    Column("created", rank=1),
    Column("note", rank=2, least=16),
)
CREATED = datetime(2026, 11, 25, 9, tzinfo=UTC)


def uuid7(milliseconds: int, random: int) -> UUID:
    return UUID(int=(milliseconds << 80) | (7 << 76) | (random << 64) | (2 << 62) | (random * 7_919))


ROWS = [
    (uuid7(1_700_000_000_000, n), "email_notification", "pending", 50, CREATED + timedelta(seconds=n), "x" * 90)
    for n in range(3)
]


def printed(width: int) -> list[str]:
    out = StringIO()
    Console(file=out, width=width).print(table(COLUMNS, ROWS))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 132, 200, 10_000])
def test_every_row_is_one_line_at_any_width(width: int) -> None:
    head, *body = printed(width)
    rows = [line for line in body if not line.startswith("not shown:")]
    assert len(rows) == len(ROWS)
    assert all(len(line) <= width for line in (head, *body))


def test_everything_is_shown_where_it_fits() -> None:
    text = "\n".join(printed(200))
    assert str(ROWS[0][0]) in text
    assert "x" * 90 in printed(10_000)[1]
    assert "not shown" not in text


def test_ids_become_short_before_a_column_is_dropped() -> None:
    head, row, *_ = printed(100)
    assert row.split()[0] == str(ROWS[0][0])[:SHORT_ID]
    assert head.split() == ["id", "type", "status", "prio", "created", "note"]
    assert row.endswith("…")


def test_the_least_important_columns_are_dropped_and_named() -> None:
    head, *_, last = printed(72)
    assert head.split() == ["id", "type", "status", "created"]
    assert last == "not shown: prio, note"
    head, *_, last = printed(50)
    assert head.split() == ["id", "type", "status"]
    assert last == "not shown: prio, note, created"


def test_a_column_without_any_value_is_not_missed() -> None:
    out = StringIO()
    columns = (Column("id"), Column("limit", rank=1))
    Console(file=out, width=8).print(table(columns, [("default", None)]))
    assert "not shown" not in out.getvalue()


def test_shortened_are_unique_in_their_list() -> None:
    far, near = uuid7(1, 5), uuid7(2, 5)
    assert shortened([far, near]) == [str(far)[:SHORT_ID], str(near)[:SHORT_ID]]
    twin = UUID(int=near.int ^ 1)
    assert shortened([near, twin]) == [str(near), str(twin)]
    assert shortened([far, far, "text", None]) == [str(far)[:SHORT_ID], str(far)[:SHORT_ID], "text", None]


def test_a_table_without_rows_says_so() -> None:
    out = StringIO()
    Console(file=out, width=40).print(table(COLUMNS, [], nothing="no job matches"))
    assert out.getvalue() == "no job matches\n"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Unique(by=["to"], period=60), "for each to, while it is unfinished, for 60 s"),
        (Unique(while_=None, period=60), "for each payload, for 60 s"),
        (Debounce(5, max_wait=60), "for each payload, when 5 s passed without another one, after 60 s at the latest"),
    ],
)
def test_a_rule_for_unique_jobs_is_told_in_words(rule: Unique | Debounce, words: str) -> None:
    assert unique_in_words(shape(rule) or {}) == words
