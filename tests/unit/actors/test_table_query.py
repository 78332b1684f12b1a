"""What may be asked of a table: the answers, and the refusal by name of what makes no sense."""

from __future__ import annotations

import sys
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from aeon_jobs.actors.data_processing import table_files

table_files.prepare()  # before the first import of polars, as in a worker

import polars as pl  # noqa: E402

from aeon_jobs.actors.data_processing.table_query import Aggregation, Filter, grouped, matching, ordered  # noqa: E402
from aeon_jobs.middleware.execution.outcomes import PermanentError  # noqa: E402

FILTER = TypeAdapter(Filter)
SCHEMA = Draft202012Validator(FILTER.json_schema())
ROWS: list[dict[str, Any]] = [
    {"n": 1, "x": 0.5, "word": "rain", "day": date(2012, 1, 1), "ok": True, "*": 7, "^n.*$": 70},
    {"n": 2, "x": None, "word": "sun", "day": date(2012, 1, 2), "ok": False, "*": 8, "^n.*$": 80},
    {"n": 3, "x": 1.5, "word": None, "day": None, "ok": None, "*": 9, "^n.*$": 90},
    {"n": 4, "x": 2.5, "word": "drain.", "day": date(2013, 6, 1), "ok": True, "*": 7, "^n.*$": 70},
]
TABLE = pl.LazyFrame(ROWS)


def kept(**filter_: Any) -> list[int]:
    return matching(TABLE, [FILTER.validate_python(filter_)]).collect()["n"].to_list()


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ({"column": "n", "op": "eq", "value": 2}, [2]),
        ({"column": "n", "op": "ne", "value": 2}, [1, 3, 4]),
        ({"column": "n", "op": "lt", "value": 2.5}, [1, 2]),
        ({"column": "n", "op": "le", "value": 2}, [1, 2]),
        ({"column": "x", "op": "gt", "value": 1}, [3, 4]),
        ({"column": "x", "op": "ge", "value": 1.5}, [3, 4]),
        ({"column": "n", "op": "in", "value": [1, 4, 9]}, [1, 4]),
        ({"column": "word", "op": "in", "value": ["sun"]}, [2]),
        ({"column": "word", "op": "eq", "value": "rain"}, [1]),
        ({"column": "word", "op": "contains", "value": "rain"}, [1, 4]),
        ({"column": "word", "op": "contains", "value": "."}, [4]),
        ({"column": "word", "op": "is_null"}, [3]),
        ({"column": "word", "op": "not_null"}, [1, 2, 4]),
        ({"column": "day", "op": "ge", "value": "2012-01-02"}, [2, 4]),
        ({"column": "day", "op": "in", "value": ["2012-01-02"]}, [2]),
        ({"column": "ok", "op": "eq", "value": True}, [1, 4]),
        ({"column": "*", "op": "eq", "value": 9}, [3]),
        ({"column": "^n.*$", "op": "eq", "value": 90}, [3]),
    ],
)
def test_each_filter_keeps_the_right_rows(filter_, expected):
    assert SCHEMA.is_valid(filter_)
    assert kept(**filter_) == expected


@pytest.mark.parametrize(
    "filter_",
    [
        {"column": "n", "op": "like", "value": 1},
        {"column": "n", "op": "eq"},
        {"column": "n", "op": "eq", "value": None},
        {"column": "n", "op": "eq", "value": [1]},
        {"column": "n", "op": "in", "value": 1},
        {"column": "n", "op": "in", "value": []},
        {"column": "word", "op": "contains", "value": 1},
        {"column": "n", "op": "is_null", "value": 1},
        {"column": "", "op": "is_null"},
        {"op": "is_null"},
        {"column": "n", "op": "eq", "value": 1, "or": 2},
    ],
)
def test_a_filter_without_sense_is_refused_at_submission(filter_):
    assert not SCHEMA.is_valid(filter_)
    with pytest.raises(ValidationError):
        FILTER.validate_python(filter_)


@pytest.mark.parametrize(
    ("filter_", "complaint"),
    [
        ({"column": "nope", "op": "is_null"}, "no column 'nope'; there are n, x, word"),
        ({"column": "n", "op": "eq", "value": "2"}, "column 'n' holds Int64"),
        ({"column": "n", "op": "eq", "value": True}, "column 'n' holds Int64"),
        ({"column": "word", "op": "gt", "value": 2}, "column 'word' holds String"),
        ({"column": "word", "op": "in", "value": ["sun", 1]}, "column 'word' holds String"),
        ({"column": "ok", "op": "eq", "value": 1}, "column 'ok' holds Boolean"),
        ({"column": "n", "op": "contains", "value": "1"}, "column 'n' holds Int64"),
        ({"column": "day", "op": "eq", "value": 3}, "column 'day' holds Date"),
        ({"column": "day", "op": "eq", "value": "yesterday"}, "column 'day' holds Date"),
    ],
)
def test_a_filter_that_does_not_fit_the_file_names_the_column(filter_, complaint):
    with pytest.raises(PermanentError, match=complaint):
        kept(**filter_)


def result(group_by: list[str], *aggregations: dict[str, Any]) -> list[dict[str, Any]]:
    parts = [Aggregation.model_validate(aggregation) for aggregation in aggregations]
    return grouped(TABLE, group_by, parts).collect().to_dicts()


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("sum", 4.5),
        ("mean", 1.5),
        ("min", 0.5),
        ("max", 2.5),
        ("count", 3),
        ("median", 1.5),
        ("std", 1.0),
        ("n_unique", 4),
        ("first", 0.5),
        ("last", 2.5),
    ],
)
def test_each_function_over_all_rows(function, expected):
    assert result([], {"column": "x", "function": function}) == [{f"x_{function}": expected}]


def test_groups_come_in_order_whatever_order_polars_found_them_in():
    rows = result(["ok"], {"column": "*", "function": "count"}, {"column": "n", "function": "sum", "alias": "s"})
    assert rows == [
        {"ok": False, "count": 1, "s": 2},
        {"ok": True, "count": 2, "s": 5},
        {"ok": None, "count": 1, "s": 3},
    ]


def test_groups_alone_are_the_distinct_values():
    assert result(["*"]) == [{"*": 7}, {"*": 8}, {"*": 9}]


def test_a_star_is_a_column_for_every_function_but_count():
    assert result([], {"column": "*", "function": "max"}) == [{"*_max": 9}]
    assert result([], {"column": "^n.*$", "function": "max", "alias": "m"}) == [{"m": 90}]


@pytest.mark.parametrize(
    ("group_by", "aggregations"),
    [
        (["n", "n"], []),
        (["n"], [{"column": "x", "function": "max", "alias": "n"}]),
        ([], [{"column": "x", "function": "max"}, {"column": "x", "function": "max"}]),
    ],
)
def test_two_results_of_one_name_are_refused(group_by, aggregations):
    with pytest.raises(PermanentError, match="give an alias"):
        result(group_by, *aggregations)


def test_an_unknown_column_is_named_wherever_it_is_used():
    for ask in (
        lambda: result(["nope"]),
        lambda: result([], {"column": "nope", "function": "sum"}),
        lambda: ordered(TABLE, ["nope"], False, None),
    ):
        with pytest.raises(PermanentError, match="no column 'nope'"):
            ask()


@pytest.mark.parametrize(
    ("descending", "limit", "expected"),
    [(False, None, [1, 3, 4, 2]), (True, None, [4, 3, 1, 2]), (True, 2, [4, 3])],
)
def test_rows_are_sorted_with_nulls_last_and_cut(descending, limit, expected):
    assert ordered(TABLE, ["x"], descending, limit).collect()["n"].to_list() == expected


def test_equal_rows_keep_their_order():
    assert ordered(TABLE, ["*"], False, None).collect()["n"].to_list() == [1, 4, 2, 3]


@pytest.mark.parametrize(
    ("dtype", "value", "fits"),
    [
        (pl.Datetime("us"), "2026-01-02T03:04:05", True),
        (pl.Datetime("us"), "2026-01-02T03:04:05Z", False),
        (pl.Datetime("ms", "Europe/Berlin"), "2026-01-02T02:04:05Z", True),
        (pl.Datetime("ms", "Europe/Berlin"), "2026-01-02T03:04:05+01:00", True),
        (pl.Time(), "03:04:05", True),
        (pl.Duration("us"), "PT1S", False),
        (pl.List(pl.Int64), 1, False),
    ],
)
def test_times_are_compared_with_iso_text(dtype, value, fits):
    moment = datetime(2026, 1, 2, 3, 4, 5)
    stored = moment.time() if dtype == pl.Time else moment
    table = pl.LazyFrame({"t": [stored]})
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        table = table.select(pl.col("t").dt.replace_time_zone(dtype.time_zone).cast(dtype))
    elif not fits and not isinstance(dtype, pl.Datetime):
        table = pl.LazyFrame({"t": [None]}, schema={"t": dtype})
    question = [FILTER.validate_python({"column": "t", "op": "eq", "value": value})]
    if fits:
        assert matching(table, question).collect().height == 1
    else:
        with pytest.raises(PermanentError, match="column 't' holds"):
            matching(table, question)


def test_decimals_and_categories_can_be_compared():
    table = pl.LazyFrame({"d": [Decimal("1.5"), Decimal("2.5")], "c": ["a", "b"]}).cast({"c": pl.Categorical})
    filters = [{"column": "d", "op": "gt", "value": 2}, {"column": "c", "op": "eq", "value": "b"}]
    assert matching(table, [FILTER.validate_python(f) for f in filters]).collect().height == 1


def test_a_worker_without_polars_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(PermanentError, match=r"this worker has no polars: install aeon-jobs\[data\]"):
        table_files.prepare()
