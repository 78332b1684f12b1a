"""What a data job may ask of a table, and the polars plan for it.

Names in the payload are data, never expressions: a column must be in the file under exactly that name,
because polars takes `*` and `^…$` for patterns. The plan is checked against the file's columns and types
before a row is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from aeon_jobs.middleware.execution.outcomes import PermanentError

if TYPE_CHECKING:
    import polars as pl

ColumnName = Annotated[str, Field(min_length=1, max_length=200)]
Scalar = StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, Field(max_length=10_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    column: ColumnName


class Comparison(_Part):
    op: Literal["eq", "ne", "lt", "le", "gt", "ge"]
    value: Scalar


class Membership(_Part):
    op: Literal["in"]
    value: Annotated[list[Scalar], Field(min_length=1, max_length=10_000)]


class Containment(_Part):
    """Literal text, no pattern."""

    op: Literal["contains"]
    value: Annotated[StrictStr, Field(min_length=1, max_length=10_000)]


class Presence(_Part):
    op: Literal["is_null", "not_null"]


Filter = Annotated[Comparison | Membership | Containment | Presence, Field(discriminator="op")]


class Aggregation(_Part):
    """`count` counts values; with the column `*` it counts rows. The default alias is `column_function`."""

    function: Literal["sum", "mean", "min", "max", "count", "median", "std", "n_unique", "first", "last"]
    alias: ColumnName | None = None

    @property
    def counts_rows(self) -> bool:
        return self.column == "*" and self.function == "count"

    @property
    def name(self) -> str:
        return self.alias or ("count" if self.counts_rows else f"{self.column}_{self.function}")


def matching(table: pl.LazyFrame, filters: Sequence[Filter]) -> pl.LazyFrame:
    """The rows that pass every filter.

    Raises:
        PermanentError: a filter names no column, or a value that its column can not be compared with.
    """
    schema = table.collect_schema()
    for part in filters:
        table = table.filter(_predicate(part, _dtype(schema, part.column)))
    return table


def grouped(table: pl.LazyFrame, group_by: Sequence[str], aggregations: Sequence[Aggregation]) -> pl.LazyFrame:
    """One row per group, or one row in all when there is no `group_by`; the groups in their own order.

    Raises:
        PermanentError: a name is no column, or two results would bear the same one.
    """
    if not group_by and not aggregations:
        return table
    schema = table.collect_schema()
    _refuse_repeats([*group_by, *(part.name for part in aggregations)])
    results = [_aggregate(part, schema) for part in aggregations]
    if not group_by:
        return table.select(results)
    # polars gives groups in any order; sorted, a second run writes the same file.
    keys = [_column(schema, name) for name in group_by]
    return table.group_by(keys).agg(results).sort(keys, nulls_last=True)


def ordered(table: pl.LazyFrame, sort_by: Sequence[str], descending: bool, limit: int | None) -> pl.LazyFrame:
    """Equal rows keep their order. Nulls come last.

    Raises:
        PermanentError: `sort_by` names no column of the result.
    """
    if sort_by:
        schema = table.collect_schema()
        keys = [_column(schema, name) for name in sort_by]
        table = table.sort(keys, descending=descending, nulls_last=True, maintain_order=True)
    return table if limit is None else table.head(limit)


def _refuse_repeats(names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise PermanentError(f"two columns of the result are called {', '.join(repeated)}: give an alias")


def _column(schema: pl.Schema, name: str) -> pl.Expr:
    import polars.selectors as cs

    _dtype(schema, name)
    return cs.by_name(name).as_expr()


def _dtype(schema: pl.Schema, name: str) -> pl.DataType:
    if name not in schema:
        raise PermanentError(f"no column {name!r}; there are {', '.join(list(schema)[:50])}")
    return schema[name]


def _predicate(part: Comparison | Membership | Containment | Presence, dtype: pl.DataType) -> pl.Expr:
    import polars as pl
    import polars.selectors as cs

    column = cs.by_name(part.column).as_expr()
    match part:
        case Presence(op=op):
            return column.is_null() if op == "is_null" else column.is_not_null()
        case Containment(value=text):
            if dtype != pl.String:
                raise PermanentError(f"column {part.column!r} holds {dtype}: `contains` is for text")
            return column.str.contains(text, literal=True)
        case Membership(value=values):
            literals = [_literal(value, dtype, part.column) for value in values]
            return pl.any_horizontal([column == value for value in literals])
        case Comparison(op=op, value=value):
            comparison: Callable[[Any], pl.Expr] = getattr(column, f"__{op}__")
            return comparison(_literal(value, dtype, part.column))


def _literal(value: Any, dtype: pl.DataType, column: str) -> pl.Expr:
    """`value` as polars compares it with `dtype`; dates and times are given as ISO 8601 text."""
    import polars as pl

    try:
        return pl.lit(_fitting(value, dtype))
    except (TypeError, ValueError):
        refusal = f"column {column!r} holds {dtype}: it can not be compared with {value!r:.100}"
        raise PermanentError(refusal) from None


def _fitting(value: Any, dtype: pl.DataType) -> Any:
    """Raises TypeError or ValueError: `value` is of another kind than a column of type `dtype`."""
    import polars as pl

    match dtype:
        case pl.Boolean():
            return _checked(value, bool)
        case pl.String() | pl.Categorical() | pl.Enum():
            return _checked(value, str)
        case pl.Date():
            return date.fromisoformat(value)
        case pl.Time():
            return time.fromisoformat(value)
        case pl.Datetime(time_zone=None):
            return _naive(datetime.fromisoformat(value))
        case pl.Datetime(time_zone=zone):
            return datetime.fromisoformat(value).astimezone(ZoneInfo(str(zone)))
    if not dtype.is_numeric() or isinstance(value, bool):
        raise TypeError
    return _checked(value, (int, float))


def _checked(value: Any, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(value, kind):
        raise TypeError
    return value


def _naive(value: datetime) -> datetime:
    if value.tzinfo:
        raise ValueError("the column has no time zone")
    return value


def _aggregate(part: Aggregation, schema: pl.Schema) -> pl.Expr:
    import polars as pl

    if part.counts_rows:
        return pl.len().alias(part.name)
    result: pl.Expr = getattr(_column(schema, part.column), part.function)()
    return result.alias(part.name)
