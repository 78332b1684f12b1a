"""A process group as in production, and its CPU and memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from aeon_jobs.ops.embedded.tether import tethered


class Program:
    """`python -m aeon_jobs COMMAND …` with the environment of this process and `environment`; ends with this process."""

    def __init__(self, command: Sequence[str], log: Path, **environment: str) -> None:
        self._argv = [sys.executable, "-P", "-m", "aeon_jobs", *command]
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        with self._log.open("ab") as log:
            self._process = tethered(
                self._argv, death_signal=signal.SIGTERM, output=log, environ=os.environ | self._environment
            )
        return self

    def kill(self) -> None:
        """kill -9 of every process."""
        self.signal(signal.SIGKILL)
        if self._process:
            self._process.wait()
        self._process = None

    def signal(self, number: int) -> None:
        """Send a signal to every process."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def stop(self) -> None:
        """TERM, as an operator does."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(40)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def verify(self) -> None:
        """
        Raises:
            RuntimeError: it ended by itself.
        """
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self._argv[4]} ended by itself")

    def processes(self) -> list[psutil.Process]:
        """The first process, then its descendants."""
        return tree(self._process.pid) if self._process else []

    def cpu_s(self) -> float:
        return sum(map(cpu_s, self.processes()))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            sys.stderr.write(self._log.read_text(errors="replace")[-3_000:])
        self.stop()


def tree(pid: int) -> list[psutil.Process]:
    """A process and its descendants; empty when it has ended."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_s(process: psutil.Process) -> float:
    """User and system time of a process, and of its children that have ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return sum((times.user, times.system, times.children_user, times.children_system))


def shared_mb(process: psutil.Process) -> float:
    """Proportional set size: a page that n processes share counts as 1/n in each. Linux alone tells it."""
    return float(getattr(process.memory_full_info(), "pss", 0)) / 2**20


def resident_mb(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20
