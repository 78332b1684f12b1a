"""Seattle's weather from 2012 to 2015, 1,461 days: NOAA's open data (see data/README.md), and questions about it.

The answers are computed here in plain Python. The checks compare the output of `data_processing` with them.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from itertools import groupby
from operator import attrgetter
from typing import Any

FILE = "seattle-weather.csv"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Day:
    """A line of the file: millimetres, degrees Celsius, metres per second."""

    date: str
    precipitation: float
    temp_max: float
    temp_min: float
    wind: float
    weather: str


@dataclass(frozen=True, slots=True)
class Question:
    """The payload of a `data_processing` job without its output, and the rows that the job must write."""

    payload: dict[str, Any]
    rows: Sequence[Row]


def content() -> bytes:
    """The file in this package."""
    return resources.files("aeon_jobs.ops.demo").joinpath("data", FILE).read_bytes()


def days() -> list[Day]:
    """Every day, oldest first."""
    table = csv.reader(content().decode().splitlines())
    next(table)
    return [
        Day(date, float(precipitation), float(temp_max), float(temp_min), float(wind), weather)
        for date, precipitation, temp_max, temp_min, wind, weather in table
    ]


def month(days: Sequence[Day], year: int, number: int) -> Question:
    """The kinds of weather in a month: one row each."""
    first, end = f"{year}/{number:02d}/01", f"{year}/{number:02d}/99"
    payload = {
        "filters": [{"column": "date", "op": "ge", "value": first}, {"column": "date", "op": "lt", "value": end}],
        "group_by": ["weather"],
        "aggregations": [
            {"column": "*", "function": "count", "alias": "days"},
            {"column": "precipitation", "function": "sum", "alias": "rain"},
            {"column": "temp_max", "function": "max", "alias": "warmest"},
            {"column": "temp_min", "function": "min", "alias": "coldest"},
            {"column": "wind", "function": "mean", "alias": "wind"},
        ],
    }
    chosen = sorted((day for day in days if first <= day.date < end), key=attrgetter("weather"))
    groups = groupby(chosen, key=attrgetter("weather"))
    return Question(payload, [{"weather": weather, **_totals(list(group))} for weather, group in groups])


def wet_days(days: Sequence[Day], year: int) -> Question:
    """The days of a year with rain or snow: one row."""
    payload = {
        "filters": [
            {"column": "date", "op": "contains", "value": f"{year}/"},
            {"column": "precipitation", "op": "gt", "value": 0},
        ],
        "aggregations": [
            {"column": "*", "function": "count", "alias": "days"},
            {"column": "precipitation", "function": "sum", "alias": "rain"},
            {"column": "precipitation", "function": "max", "alias": "most"},
        ],
    }
    rain = [day.precipitation for day in days if day.date.startswith(f"{year}/") and day.precipitation > 0]
    return Question(payload, [{"days": len(rain), "rain": sum(rain), "most": max(rain)}])


def top(days: Sequence[Day], column: str, number: int = 10) -> Question:
    """The days with the highest values, with all columns."""
    payload = {"sort_by": [column], "descending": True, "limit": number}
    ordered = sorted(days, key=attrgetter(column), reverse=True)
    return Question(payload, [asdict(day) for day in ordered[:number]])


def _totals(group: Sequence[Day]) -> Row:
    return {
        "days": len(group),
        "rain": sum(day.precipitation for day in group),
        "warmest": max(day.temp_max for day in group),
        "coldest": min(day.temp_min for day in group),
        "wind": sum(day.wind for day in group) / len(group),
    }
