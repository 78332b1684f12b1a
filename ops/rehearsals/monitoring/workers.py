"""A worker group that the rehearsal starts and kills. The supervisor would start it again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from io import TextIOWrapper

import psutil

from aeon_jobs.ops.embedded.tether import tethered

STOP_LIMIT_S = 15.0


class WorkerGroup:
    """Starts when made; `kill` it, or `stop` it cleanly. Both may be repeated."""

    def __init__(self, log: TextIOWrapper) -> None:
        self._process: subprocess.Popen[bytes] = tethered(
            [sys.executable, "-P", "-m", "aeon_jobs", "worker"],
            death_signal=signal.SIGTERM,
            output=log.fileno(),
            environ=os.environ,
        )

    def kill(self) -> int:
        """SIGKILL to the master and to all its workers at once; how many processes it were."""
        if self._process.poll() is not None:
            return 0
        master = psutil.Process(self._process.pid)
        group = [master, *master.children(recursive=True)]
        for process in group:
            process.suspend()  # so that the master does not end its workers cleanly when one is gone
        for process in group:
            process.kill()
        self._process.wait()
        return len(group)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.kill()
