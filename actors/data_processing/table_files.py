"""Tables on disk: CSV, Parquet and JSON lines, read as a stream and written as one.

polars is imported here and in `table_query` only inside functions: a worker at rest must not pay 35 MB for
it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from aeon_jobs.middleware.execution.outcomes import PermanentError

if TYPE_CHECKING:
    import polars as pl

# Rows from which the types of a text format are guessed.
_GUESS_ROWS = 10_000
_SAMPLE_BYTES = 65_536


def prepare() -> None:
    """Set polars up, before its first import, for a small worker; whoever sets these variables knows better.

    One thread: adding floating-point numbers in one order gives one result, so a second run writes the same
    bytes; and the worker's concurrency is its jobs. Small chunks: a CSV of 1 GB takes 93 MB of memory instead
    of 370, as fast.

    Raises:
        PermanentError: this worker was installed without polars.
    """
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    os.environ.setdefault("POLARS_CSV_CHUNK_SIZE", "1000000")
    os.environ.setdefault("POLARS_NDJSON_CHUNK_SIZE", "1000000")
    try:
        import polars  # noqa: F401
    except ModuleNotFoundError:
        raise PermanentError("this worker has no polars: install aeon-jobs[data]") from None


def scan(path: Path) -> pl.LazyFrame:
    import polars as pl

    match path.suffix:
        case ".csv":
            return pl.scan_csv(path, infer_schema_length=_GUESS_ROWS, glob=False)
        case ".parquet":
            return pl.scan_parquet(path, glob=False, hive_partitioning=False)
        case _:
            return pl.scan_ndjson(path, infer_schema_length=_GUESS_ROWS)


def sink(table: pl.LazyFrame, path: Path, suffix: str) -> None:
    """Run the plan and write its rows to `path` in the format of `suffix`."""
    match suffix:
        case ".csv":
            table.sink_csv(path, engine="streaming", check_extension=False)
        case ".parquet":
            table.sink_parquet(path, engine="streaming")
        case _:
            table.sink_ndjson(path, engine="streaming", check_extension=False)


def estimated_rows(path: Path) -> int:
    """About how many rows a file has, without reading it; for progress alone."""
    import polars as pl

    if path.suffix == ".parquet":
        return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    return max(1, path.stat().st_size * max(1, sample.count(b"\n")) // max(1, len(sample)))
