"""The rehearsal of failovers keeps its promises, and leaves nothing behind. It takes minutes: `make faults` runs it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    "FAULT_JOBS" not in os.environ, reason="minutes: make faults, or make rehearse-failover"
)


@pytest.mark.parametrize("name", ["redis", "postgres-synchronous", "postgres-asynchronous"])
def test_a_failover_under_load_loses_what_is_told_and_no_more(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "aeon_jobs.ops.rehearsals.failover", name], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3_000:]
