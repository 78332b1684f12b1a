"""What the benchmark computes from what it measured, and the page that it writes. tests/e2e runs the measurements."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aeon_jobs.ops.benchmarks.__main__ import MEASUREMENTS, _options, write_docs
from aeon_jobs.ops.benchmarks.figure import Curve, Figure, percentile
from aeon_jobs.ops.benchmarks.load.utilisation import utilisation
from aeon_jobs.ops.benchmarks.page.render import MissingFigures, page, template
from aeon_jobs.ops.benchmarks.results import Results
from aeon_jobs.ops.benchmarks.rivals import environments
from aeon_jobs.ops.benchmarks.rivals.comparison import figures
from aeon_jobs.ops.benchmarks.rivals.systems import SYSTEMS
from tests.docs.pages import ROOT

FAST = {"drain": 900.0, "end to end": 300.0, "enqueue": 100.0, "bulk": 10.0, "CPU per 1,000": 0.5, "memory": 100.0}
LATENCY = {f"submit to start {name}": 4.0 for name in ("p50", "p95", "p99")}
VALUES = FAST | LATENCY | {"CPU per 1,000, workers": 0.4, "load by others": 0.1}


def _repetition(ours: float, theirs: float) -> dict[str, dict[str, float]]:
    """Every value is the same but the drain."""
    return {each.name: VALUES | {"drain": ours if each.name == "aeon-jobs" else theirs} for each in SYSTEMS}


def _results() -> Results:
    results = Results({"processor": "test", "cores": 2, "memory_gb": 4, "fsync_ms": 0.1, "load": 0.0})
    for name in MEASUREMENTS:
        results.add(name, [Figure(name=f"value of {name}", value=1, unit="s")])
    results.add("rivals", list(figures([_repetition(900, 1_000)])))
    plots = ("backlog", "processes", "payload", "latency")
    curve = Curve(plot="", name="p50", x="jobs", y="jobs/s", points=((1.0, 2.0), (10.0, 3.0)))
    results.add("curves", [replace(curve, plot=plot) for plot in plots])
    results.add("readers", [*results.figures["readers"], replace(curve, plot="readers")])
    return results


def test_a_figure_is_held_against_its_floor() -> None:
    assert Figure(name="x", value=10, unit="ms", at_most=10).holds
    assert not Figure(name="x", value=1, unit="jobs/s", at_least=2).holds
    assert Figure(name="x", value=1, unit="s").holds is None


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, p) for p in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([7.0], 99) == 7


def test_a_value_is_the_median_and_a_ratio_the_median_of_the_ratios_within_a_repetition() -> None:
    # The machine was three times as fast in the second repetition; the ratio is about the systems.
    repetitions = [_repetition(100, 200), _repetition(360, 600), _repetition(90, 300)]
    by_name = {figure.name: figure for figure in figures(repetitions)}
    assert by_name["aeon-jobs: drain"].value == 100
    assert by_name["aeon-jobs: drain"].samples == (100, 360, 90)
    ratio = by_name["drain ÷ dramatiq"]
    assert ratio.value == pytest.approx(0.5)
    assert ratio.at_least == 0.7
    assert ratio.holds is False


def test_only_our_own_values_have_floors() -> None:
    by_name = {figure.name: figure for figure in figures([_repetition(1, 1)])}
    assert by_name["aeon-jobs: memory"].at_most == 160
    assert by_name["pgqueuer: memory"].at_most is None


def test_utilisation_is_busy_time_of_all_threads() -> None:
    # Two threads for 4 s: 3 s and 2 s of work.
    assert utilisation([(0, 3), (2, 4)], threads=2) == pytest.approx(5 / 8)


def test_every_rival_has_pinned_packages_and_no_address() -> None:
    for system in SYSTEMS:
        if system.requirements:
            pins = (Path(environments.__file__).parent / "requirements" / system.requirements).read_text().split("\n")
            assert all("==" in line for line in pins if line), pins
            assert not any("/" in line for line in pins)


def test_the_page_shows_every_measurement() -> None:
    text = template()
    shown = {
        "rivals": "{{rivals}}",
        "curves": "performance/backlog.svg",
        "archive": "operations/retention.md",
        "workflows": "guides/workflows.md",
        "limits": "guides/limits.md",
    }
    assert [name for name in MEASUREMENTS if shown.get(name, f"{{{{table {name}}}}}") not in text] == []


def test_a_page_names_what_was_not_measured() -> None:
    results = _results()
    del results.figures["wal"]
    with pytest.raises(MissingFigures, match=r"not measured: \{\{table wal\}\}$"):
        page(results)


def test_a_page_has_values_floors_and_ratios() -> None:
    results = Results({})
    results.add("drain", [Figure(name="no-op jobs", value=1_234, unit="jobs/s", at_least=2)])
    results.add("rivals", list(figures([_repetition(900, 1_000)])))
    assert "| no-op jobs | 1,234 jobs/s | ≥ 2 jobs/s | ✓ |" in page(results, "{{table drain}}")
    assert page(results, "It runs {{value drain: no-op jobs}}.") == "It runs 1,234 jobs/s."
    assert "| drain, jobs/s | 900 | 1,000 | 1,000 | 1,000 |" in page(results, "{{rivals}}")
    assert "| drain | 0.9 (floor 0.7) ✓ | 0.9 | 0.9 |" in page(results, "{{ratios}}")


def test_results_are_the_same_after_they_were_stored(tmp_path: Path) -> None:
    results = _results()
    results.save(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == results


def test_a_later_run_of_some_measurements_leaves_the_others(tmp_path: Path) -> None:
    write_docs(_results(), tmp_path)
    later = Results({"processor": "new"})
    later.add("wal", [Figure(name="WAL", value=2_000, unit="bytes")])
    write_docs(later, tmp_path)
    text = (tmp_path / "performance.md").read_text()
    assert "| WAL | 2,000 bytes |" in text
    assert "value of api" in text
    assert "processor new" in text


def test_plots_are_the_same_each_time_and_all_are_shown(tmp_path: Path) -> None:
    for directory in ("one", "other"):
        write_docs(_results(), tmp_path / directory)
    one, other = (sorted((tmp_path / name / "performance").iterdir()) for name in ("one", "other"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    shown = [path.name for path in one if path.suffix == ".svg"]
    assert shown == ["backlog.svg", "cpu.svg", "latency.svg", "payload.svg", "processes.svg", "readers.svg"]
    assert [name for name in shown if f"performance/{name}" not in template()] == []


def test_the_page_in_the_docs_is_the_one_of_the_stored_results() -> None:
    results = Results.load(ROOT / "docs" / "performance" / "results.json")
    assert page(results) == (ROOT / "docs" / "performance.md").read_text()


def test_quick_and_full_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _options(["--quick", "--full"])
    assert "not allowed with" in capsys.readouterr().err
