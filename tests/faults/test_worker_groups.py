"""`aeon-jobs worker`: a master that has loaded what its workers share, and then forked them."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.faults.conftest import System
from tests.group import Group
from tests.waiting import wait_for

MB = 2**20


def group_of(system: System, processes: int = 2) -> Group:
    command = (
        "-m",
        "aeon_jobs.ops.process",
        "worker_group",
        "aeon_jobs.actors",
        "tests.handlers",
        "tests.isolated_handlers",
    )
    return system.group(*command, "-p", str(processes), "-t", "4", is_fork=False)


def wait_for_workers(system: System, count: int) -> None:
    sql = "SELECT count(*) FROM workers WHERE kind = 'worker' AND state = 'running'"
    wait_for(lambda: system.execute(sql)[0].count == count, f"{count} worker processes")


def test_forked_workers_run_jobs_each_with_a_broker_of_its_own(system: System) -> None:
    """Two processes with one broker id would take each other's messages for their own."""
    system.submit("note", 20, n=1)
    system.submit("isolated", 2, n=1)
    with group_of(system) as group:
        wait_for_workers(system, 2)
        system.wait_until(completed=22)
        assert system.execute("SELECT count(DISTINCT broker_id) FROM workers WHERE kind = 'worker'")[0].count == 2
        assert group.stop() == 0
    assert set(system.effects().values()) == {1}


@pytest.mark.skipif(sys.platform != "linux", reason="smaps")
def test_forked_workers_share_what_was_loaded_before(system: System) -> None:
    with group_of(system) as group:
        wait_for_workers(system, 2)
        workers = [process for process in group.processes() if process.ppid() == group.processes()[0].pid]
        assert len(workers) == 2
        for worker in workers:
            assert _shared_dirty(worker) > 20 * MB


def _shared_dirty(process: psutil.Process) -> int:
    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("Shared_Dirty:"))


def test_a_group_that_gets_hup_starts_anew_and_goes_on(system: System) -> None:
    with group_of(system, processes=1) as group:
        wait_for_workers(system, 1)
        (before,) = system.execute("SELECT id FROM workers WHERE kind = 'worker'")
        group.processes()[0].send_signal(signal.SIGHUP)
        sql = "SELECT count(*) FROM workers WHERE kind = 'worker' AND state = 'running' AND id <> :id"
        wait_for(lambda: system.execute(sql, id=before.id)[0].count == 1, "another worker process")
        system.submit("note", 3, n=1)
        system.wait_until(completed=3)
