"""`data_processing`: filter and aggregate a data file, write the result, return a summary.

    1. confine   both paths to DATA_ROOT
    2. plan      against the file's columns and types, before a row is read
    3. stream    read → filter → aggregate → write in one pass, in chunks; the job's thread meanwhile
                 reports progress and notices a cancellation, which stops the stream at its next chunk
    4. publish   the result takes its place whole: a killed attempt leaves none, a second run gives the same

Memory does not grow with the file, except for what has to be held: the groups, and all values for `sort_by`
(without `limit`), `median` and `n_unique`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from aeon_jobs.actors.data_processing import table_files, table_query
from aeon_jobs.actors.data_processing.data_root import DataRoot, RelativePath, replacing
from aeon_jobs.actors.data_processing.excerpt import excerpt
from aeon_jobs.actors.data_processing.row_counts import RowCounts
from aeon_jobs.actors.data_processing.table_query import Aggregation, ColumnName, Filter
from aeon_jobs.middleware.execution.outcomes import PermanentError
from aeon_jobs.middleware.execution.running import CurrentJob, current_job
from aeon_jobs.middleware.job import job
from aeon_jobs.persistence.core.settings import get_settings

# Seconds between two looks at a running stream: how late a cancellation is noticed at most.
_LOOK = 0.1
_LISTED_COLUMNS = 200

ColumnNames = Annotated[tuple[ColumnName, ...], Field(max_length=100)]


@job(
    name="data_processing",
    queue="default",
    priority=50,
    max_retries=3,
    timeout=timedelta(minutes=10),
    description="Filter and aggregate a CSV, Parquet or JSON-lines file into another.",
    example={
        "input": "seattle-weather.csv",
        "output": "results/wet-days.csv",
        "filters": [{"column": "precipitation", "op": "gt", "value": 0}],
        "group_by": ["weather"],
        "aggregations": [
            {"column": "*", "function": "count", "alias": "days"},
            {"column": "precipitation", "function": "sum"},
        ],
    },
)
def data_processing(
    input: RelativePath,
    output: RelativePath,
    filters: Annotated[tuple[Filter, ...], Field(description="a row must pass all", max_length=100)] = (),
    group_by: ColumnNames = (),
    aggregations: Annotated[tuple[Aggregation, ...], Field(max_length=100)] = (),
    sort_by: Annotated[ColumnNames, Field(description="columns of the result")] = (),
    descending: bool = False,
    limit: Annotated[int | None, Field(ge=1, le=2**53)] = None,
) -> dict[str, Any]:
    """Write `output`; return what was read, matched and written, with a summary of the numbers."""
    table_files.prepare()
    current, root, row_counts = current_job(), DataRoot(get_settings().data_root), RowCounts()
    source, target = root.existing(input), root.place(output)
    if target.exists() and source.samefile(target):
        raise PermanentError("output: must not be the input; a second run would read the result of the first")
    with replacing(target, current.id.hex, current.attempt) as partial, _blaming(input):
        table = row_counts.watch(table_files.scan(source), row_counts.count_read)
        table = table_query.matching(table, filters)
        table = row_counts.watch(table, row_counts.count_matched)
        table = table_query.grouped(table, group_by, aggregations)
        table = table_query.ordered(table, sort_by, descending, limit)
        columns = table.collect_schema().names()
        table = row_counts.watch(table, row_counts.count_written)
        expected = table_files.estimated_rows(source)
        _attend(lambda: table_files.sink(table, partial, target.suffix), row_counts, expected, current)
        size = partial.stat().st_size
    listed = [excerpt(name) for name in columns[:_LISTED_COLUMNS]]
    return {"output": output, "bytes_written": size, "columns": listed, **row_counts.result()}


def _attend(write: Callable[[], None], row_counts: RowCounts, expected: int, current: CurrentJob) -> None:
    """Run `write` on another thread: inside polars, this one would hear no cancellation and no timeout."""
    current.progress(0.0, "reading")
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="data_processing") as pool:
        try:
            writing = pool.submit(write)
            while wait([writing], timeout=_LOOK).not_done:
                current.check()
                current.progress(min(0.99, row_counts.read / expected), f"{row_counts.read} rows read")
            writing.result()
        finally:
            row_counts.stop()
    current.progress(1.0, f"{row_counts.written} rows written")


@contextmanager
def _blaming(file: str) -> Iterator[None]:
    """What polars objects to is in the file or in the question, and will be there the next time."""
    import polars as pl

    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OverflowError) as error:
        complaint = str(error).partition("\n\n")[0]
        raise PermanentError(f"{file}: {excerpt(complaint, 500)}") from None
