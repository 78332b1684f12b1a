"""The data job on real files: right answers, refusals by name, and nothing half done whatever happens."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aeon_jobs.actors import data_processing
from aeon_jobs.actors.data_processing.actor import _attend
from aeon_jobs.actors.data_processing.row_counts import RowCounts
from aeon_jobs.middleware.execution.outcomes import JobCancelled, PermanentError
from aeon_jobs.middleware.execution.running import CurrentJob, set_current
from aeon_jobs.persistence.core.errors import InvalidJob

WEATHER = Path(__file__).parents[3] / "ops" / "demo" / "data" / "seattle-weather.csv"
WET = {"column": "precipitation", "op": "gt", "value": 0}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "weather.csv").write_bytes(WEATHER.read_bytes())
    monkeypatch.setenv("DATA_ROOT", str(folder))
    return folder


@pytest.fixture
def weather() -> list[dict[str, str]]:
    return list(csv.DictReader(WEATHER.read_text().splitlines()))


def records(path: Path) -> list[dict[str, Any]]:
    import polars as pl

    match path.suffix:
        case ".csv":
            return pl.read_csv(path).to_dicts()
        case ".parquet":
            return pl.read_parquet(path).to_dicts()
        case _:
            return [json.loads(line) for line in path.read_text().splitlines()]


def run(**payload: Any) -> dict[str, Any]:
    """As a worker would see it: through JSON, and back."""
    return json.loads(json.dumps(data_processing(**json.loads(json.dumps(payload)))))


def test_rows_are_filtered_grouped_and_counted_as_plain_python_does(root, weather):
    sums: dict[str, list[float]] = defaultdict(list)
    for row in weather:
        if float(row["precipitation"]) > 0:
            sums[row["weather"]].append(float(row["temp_max"]))
    result = run(
        input="weather.csv",
        output="results/by-weather.csv",
        filters=[WET],
        group_by=["weather"],
        aggregations=[
            {"column": "*", "function": "count", "alias": "days"},
            {"column": "temp_max", "function": "mean", "alias": "warmth"},
        ],
    )
    written = records(root / "results" / "by-weather.csv")
    assert [row["weather"] for row in written] == sorted(sums)
    assert {row["weather"]: row["days"] for row in written} == {key: len(value) for key, value in sums.items()}
    for row in written:
        expected = sum(sums[row["weather"]]) / len(sums[row["weather"]])
        assert row["warmth"] == pytest.approx(expected)
    wet = sum(map(len, sums.values()))
    assert result | {"summary": ...} == {
        "output": "results/by-weather.csv",
        "rows_read": 1461,
        "rows_matched": wet,
        "rows_written": len(sums),
        "bytes_written": (root / "results" / "by-weather.csv").stat().st_size,
        "columns": ["weather", "days", "warmth"],
        "summary": ...,
    }
    days = result["summary"]["days"]
    assert days == {
        "values": 5,
        "nulls": 0,
        "min": min(map(len, sums.values())),
        "max": max(map(len, sums.values())),
        "mean": wet / 5,
    }


@pytest.mark.parametrize("source", ["csv", "parquet", "jsonl", "ndjson"])
@pytest.mark.parametrize("target", ["csv", "parquet", "jsonl"])
def test_every_format_is_read_and_written(root, weather, source, target):
    run(input="weather.csv", output=f"source.{source}")
    result = run(input=f"source.{source}", output=f"out.{target}", filters=[WET])
    wet = [row for row in weather if float(row["precipitation"]) > 0]
    assert result["rows_written"] == result["rows_matched"] == len(wet)
    assert [row["date"] for row in records(root / f"out.{target}")] == [row["date"] for row in wet]


def test_the_coldest_days_come_first(root, weather):
    result = run(input="weather.csv", output="cold.csv", sort_by=["temp_min", "date"], limit=3)
    coldest = sorted(weather, key=lambda row: (float(row["temp_min"]), row["date"]))[:3]
    assert [row["date"] for row in records(root / "cold.csv")] == [row["date"] for row in coldest]
    assert result["rows_written"] == 3


def test_a_result_may_be_empty(root):
    result = run(input="weather.csv", output="none.csv", filters=[{"column": "wind", "op": "lt", "value": -1}])
    assert (result["rows_read"], result["rows_matched"], result["rows_written"]) == (1461, 0, 0)
    assert (root / "none.csv").read_text() == "date,precipitation,temp_max,temp_min,wind,weather\n"


def test_numbers_that_json_does_not_know_become_null(root):
    (root / "odd.csv").write_text("x\nNaN\n1.0\n")
    assert run(input="odd.csv", output="out.csv")["summary"]["x"]["mean"] is None


def test_an_older_result_is_replaced(root):
    (root / "out.csv").write_text("old")
    run(input="weather.csv", output="out.csv", limit=1)
    assert (root / "out.csv").read_text().startswith("date,")


def test_a_payload_outside_the_rules_is_refused_before_anything_runs(root):
    for payload in (
        {"input": "../weather.csv", "output": "out.csv"},
        {"input": "weather.csv", "output": "/tmp/out.csv"},
        {"input": "weather.csv", "output": "out.exe"},
        {"input": "weather.csv", "output": "out.csv", "limit": 0},
        {"input": "weather.csv", "output": "out.csv", "filters": [{"column": "wind", "op": "like", "value": 1}]},
        {"input": "weather.csv", "output": "out.csv", "surprise": 1},
    ):
        with pytest.raises(InvalidJob):
            run(**payload)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "bad.csv: empty CSV"),
        (b"a,b\n1,2\n3,4,5\n", "bad.csv: found more fields"),
        (b"a\n" + b"1\n" * 20_000 + b"one\n", "bad.csv: could not parse `one` as dtype `i64` at column 'a'"),
        (b"a\n\xff\xfe\n", "bad.csv: invalid utf-8"),
    ],
)
def test_a_malformed_file_is_named_and_leaves_no_result(root, content, complaint):
    (root / "bad.csv").write_bytes(content)
    (root / "out.csv").write_text("old")
    with pytest.raises(PermanentError, match=complaint):
        run(input="bad.csv", output="out.csv")
    assert (root / "out.csv").read_text() == "old"
    assert sorted(path.name for path in root.iterdir()) == ["bad.csv", "out.csv", "weather.csv"]


@pytest.mark.parametrize(("name", "content"), [("bad.jsonl", b'{"a": 1}\n{nope\n'), ("bad.parquet", b"PAR1xxxx")])
def test_other_malformed_files_are_named_too(root, name, content):
    (root / name).write_bytes(content)
    with pytest.raises(PermanentError, match=name):
        run(input=name, output="out.csv")


@pytest.mark.parametrize(
    ("question", "complaint"),
    [
        ({"filters": [{"column": "snow", "op": "is_null"}]}, "no column 'snow'"),
        ({"filters": [{"column": "weather", "op": "gt", "value": 1}]}, "column 'weather' holds String"),
        ({"aggregations": [{"column": "weather", "function": "mean"}]}, "weather.csv: .*mean"),
        ({"group_by": ["snow"]}, "no column 'snow'"),
        ({"sort_by": ["snow"]}, "no column 'snow'"),
        ({"filters": [{"column": "wind", "op": "gt", "value": 10**400}]}, "too large"),
    ],
)
def test_a_question_that_does_not_fit_the_file_is_permanent(root, question, complaint):
    with pytest.raises(PermanentError, match=complaint):
        run(input="weather.csv", output="out.csv", **question)
    assert not (root / "out.csv").exists()


def test_a_missing_input_is_permanent(root):
    with pytest.raises(PermanentError, match=r"nope\.csv: no such file"):
        run(input="nope.csv", output="out.csv")


def test_the_input_can_not_be_its_own_output(root):
    os.link(root / "weather.csv", root / "hard.csv")
    for output in ("weather.csv", "hard.csv"):
        with pytest.raises(PermanentError, match="must not be the input"):
            run(input="weather.csv", output=output)


class Watched(CurrentJob):
    """A job that notes its progress and is cancelled at the nth look."""

    def __init__(self, cancelled_at: int = 1_000_000) -> None:
        super().__init__(None, None)
        self.looks, self.cancelled_at = 0, cancelled_at
        self.reports: list[float] = []

    def check(self) -> None:
        self.looks += 1
        if self.looks >= self.cancelled_at:
            raise JobCancelled

    def progress(self, fraction: float, message: str = "") -> None:
        self.reports.append(fraction)


def endless(row_counts: RowCounts) -> Callable[[], None]:
    import polars as pl

    chunk = row_counts.watch(pl.LazyFrame({"a": [1, 2]}), row_counts.count_read)

    def write() -> None:
        while True:
            chunk.collect(engine="streaming")

    return write


def test_a_cancelled_job_stops_its_stream(root):
    """Without the stop the stream would go on for ever, and so would this test."""
    row_counts, job = RowCounts(), Watched(cancelled_at=3)
    with pytest.raises(JobCancelled):
        _attend(endless(row_counts), row_counts, 100, job)
    assert row_counts.read > 0


def test_progress_grows_from_nothing_to_the_end(root):
    job = Watched()
    set_current(job)
    try:
        run(input="weather.csv", output="out.csv")
    finally:
        set_current(None)
    assert job.reports[0] == 0.0
    assert job.reports[-1] == 1.0
    assert job.reports == sorted(job.reports)


# --- in a process of its own --------------------------------------------------------------------

RUN = """
import json, sys
from aeon_jobs.actors import data_processing
data_processing(**json.loads(sys.argv[1]))
print([line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1])
"""
SUMS = {
    "input": "big.csv",
    "output": "out.csv",
    "group_by": ["weather"],
    "aggregations": [{"column": "wind", "function": f} for f in ("sum", "mean", "std", "first", "last")],
}


def enlarge(root: Path, times: int) -> None:
    header, _, rows = WEATHER.read_text().partition("\n")
    with (root / "big.csv").open("w") as file:
        file.write(header + "\n")
        for _ in range(times):
            file.write(rows)


def started(payload: dict[str, Any]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, json.dumps(payload)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )


def finished(payload: dict[str, Any]) -> int:
    """Peak memory in kB."""
    process = started(payload)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return int(output)


def test_a_file_larger_than_the_worker_may_be_streams_through_it(root):
    enlarge(root, times=5_000)
    assert (root / "big.csv").stat().st_size > 230_000_000
    assert finished({"input": "big.csv", "output": "out.csv", "filters": [WET]}) < 200_000


def test_a_second_run_writes_the_same_bytes(root):
    enlarge(root, times=400)
    finished(SUMS)
    first = (root / "out.csv").read_bytes()
    finished(SUMS)
    assert (root / "out.csv").read_bytes() == first


@pytest.mark.parametrize(("given", "threads"), [({}, 1), ({"POLARS_MAX_THREADS": "2"}, 2)])
def test_polars_adds_on_one_thread_unless_told_otherwise(given, threads):
    """Sums of floating-point numbers depend on the order; on two threads runs differ in the last digits."""
    code = "from aeon_jobs.actors.data_processing.table_files import prepare; prepare(); import polars"
    code += "; print(polars.thread_pool_size())"
    ran = subprocess.run([sys.executable, "-c", code], env=os.environ | given, capture_output=True, text=True)
    assert int(ran.stdout) == threads


def test_a_run_that_is_killed_leaves_no_result_and_the_next_is_whole(root):
    enlarge(root, times=600)
    payload = {"input": "big.csv", "output": "out.csv"}
    process = started(payload)
    try:
        deadline = time.monotonic() + 60
        while not list(root.glob(".out.csv.*.partial")):
            assert time.monotonic() < deadline
            assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not (root / "out.csv").exists()
    finished(payload)
    assert (root / "out.csv").read_text().count("\n") == 1 + 1461 * 600


def test_a_worker_at_rest_has_not_loaded_polars():
    code = "import sys, aeon_jobs.actors; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
