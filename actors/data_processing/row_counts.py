"""What a stream of table chunks says about itself while it passes: counts, and a summary of the numbers
written.

The chunks pass on threads of polars, so nothing in here touches the job; the job's own thread looks in from
outside, and `stop` ends the stream at its next chunk.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aeon_jobs.actors.data_processing.excerpt import excerpt

if TYPE_CHECKING:
    import polars as pl

_SUMMARISED_COLUMNS = 50


class Stopped(Exception):
    """Raised into a stream to end it."""


@dataclass
class Numbers:
    """One numeric column of the result."""

    values: int = 0
    nulls: int = 0
    total: float = 0.0
    low: float | None = None
    high: float | None = None

    def add(self, column: pl.Series) -> None:
        self.nulls += column.null_count()
        self.values += len(column) - column.null_count()
        if len(column) == column.null_count():
            return
        low, high = column.min(), column.max()
        self.total += float(column.sum())
        self.low = low if self.low is None else min(self.low, low)  # type: ignore[assignment, type-var]
        self.high = high if self.high is None else max(self.high, high)  # type: ignore[assignment, type-var]

    def summary(self) -> dict[str, Any]:
        mean = self.total / self.values if self.values else None
        return {
            "values": self.values,
            "nulls": self.nulls,
            "min": _finite(self.low),
            "max": _finite(self.high),
            "mean": _finite(mean),
        }


@dataclass
class RowCounts:
    read: int = 0
    matched: int = 0
    written: int = 0
    numbers: dict[str, Numbers] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: bool = False

    def stop(self) -> None:
        self._stopped = True

    def count_read(self, chunk: pl.DataFrame) -> None:
        self.read += chunk.height

    def count_matched(self, chunk: pl.DataFrame) -> None:
        self.matched += chunk.height

    def count_written(self, chunk: pl.DataFrame) -> None:
        self.written += chunk.height
        for column in chunk.iter_columns():
            if column.dtype.is_numeric() and (column.name in self.numbers or len(self.numbers) < _SUMMARISED_COLUMNS):
                self.numbers.setdefault(column.name, Numbers()).add(column)

    def watch(self, table: pl.LazyFrame, count: Callable[[pl.DataFrame], None]) -> pl.LazyFrame:
        """`table`, every chunk of it shown to `count` on its way."""

        def see(chunk: pl.DataFrame) -> pl.DataFrame:
            if self._stopped:
                raise Stopped
            with self._lock:
                count(chunk)
            return chunk

        return table.map_batches(see, streamable=True, validate_output_schema=False)

    def result(self) -> dict[str, Any]:
        return {
            "rows_read": self.read,
            "rows_matched": self.matched,
            "rows_written": self.written,
            "summary": {excerpt(name): numbers.summary() for name, numbers in self.numbers.items()},
        }


def _finite(number: Any) -> float | int | None:
    """JSON has no NaN and no infinity; a decimal becomes a float."""
    if number is None or isinstance(number, int):
        return number
    return float(number) if math.isfinite(number) else None
