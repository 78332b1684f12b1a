"""`python -m aeon_jobs.ops.benchmarks --quick`: the measurements run and say their figures. How fast it was is not asked.

The others are left to `make bench`: they last long, other tests ask the same (recovery: the fault tests), or they install
packages (rivals).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aeon_jobs.ops.benchmarks.__main__ import MEASUREMENTS

ROOT = Path(__file__).parents[2]
HERE = {"api", "database", "drain", "enqueue", "latency", "levels", "limits", "pending", "readers", "utilisation"}
HERE |= {"wal", "workflows"}
NOT_HERE = {"archive", "curves", "idle", "memory", "recovery", "rivals"}


def test_every_measurement_is_tried() -> None:
    assert set(MEASUREMENTS) == HERE | NOT_HERE


@pytest.mark.timeout(300)
def test_a_quick_run_measures_and_leaves_nothing(private_dir: Path) -> None:
    temporary, results = private_dir / "tmp", private_dir / "results.json"
    temporary.mkdir()
    temporary.chmod(0o755)  # embedded PostgreSQL may run under another account
    # A database that the environment names is a real one: it must not be touched.
    environ = os.environ | {"TMPDIR": str(temporary), "DATABASE_URL": "postgresql://127.0.0.1:1/real"}
    only = [word for name in MEASUREMENTS if name in HERE for word in ("--only", name)]
    done = subprocess.run(
        [sys.executable, "-m", "aeon_jobs.ops.benchmarks", "--quick", "--json", str(results), *only],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(results.read_text())
    assert {each["measurement"] for each in said["figures"] + said["curves"]} == HERE
    assert said["machine"]["cores"] == os.cpu_count()
    for figure in said["figures"]:
        assert figure["name"] in done.stdout
        assert figure["value"] >= 0
    for curve in said["curves"]:
        assert all(y > 0 for _, y in curve["points"])
    assert list(temporary.iterdir()) == []
