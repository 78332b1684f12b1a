"""`python -m aeon_jobs.ops.benchmarks --quick`: the measurements run and say their figures. How fast it was is not asked.

Recovery is left to `make bench`: it takes half a minute, most of it waiting, and the fault tests ask the same of the system.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aeon_jobs.ops.benchmarks.__main__ import MEASUREMENTS
from aeon_jobs.ops.benchmarks.figure import Figure, percentile

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
def test_a_quick_run_measures_and_leaves_nothing(private_dir: Path) -> None:
    temporary, figures = private_dir / "tmp", private_dir / "figures.json"
    temporary.mkdir()
    temporary.chmod(0o755)  # embedded PostgreSQL may run under another account
    # A database that the environment names is a real one: it must not be touched.
    environ = os.environ | {"TMPDIR": str(temporary), "DATABASE_URL": "postgresql://127.0.0.1:1/real"}
    names = [name for name in MEASUREMENTS if name != "recovery"]
    only = [word for name in names for word in ("--only", name)]
    done = subprocess.run(
        [sys.executable, "-m", "aeon_jobs.ops.benchmarks", "--quick", "--json", str(figures), *only],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(figures.read_text())
    assert {figure["measurement"] for figure in said["figures"]} == set(names)
    assert said["machine"]["cores"] == os.cpu_count()
    for figure in said["figures"]:
        assert figure["name"] in done.stdout
        assert figure["value"] >= 0
    assert list(temporary.iterdir()) == []


def test_a_figure_is_held_against_its_floor() -> None:
    assert Figure(name="x", value=10, unit="ms", at_most=10).holds
    assert not Figure(name="x", value=1, unit="jobs/s", at_least=2).holds
    assert Figure(name="x", value=1, unit="s").holds is None


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, p) for p in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([7.0], 99) == 7
