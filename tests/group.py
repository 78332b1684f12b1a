"""Real process groups that tests kill and freeze: `dramatiq aeon_jobs.actors tests.handlers`, and our own commands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

from aeon_jobs.persistence.core.settings import Settings
from tests import starter

ROOT = Path(__file__).parent.parent


class Group:
    """A command and all processes below it, in one session.

    `is_fork`: of the test's starter, which has loaded the large libraries. False if the test is about memory.
    """

    def __init__(
        self, command: Sequence[str], settings: Settings, log: Path, *, is_fork: bool = True, **environment: str
    ) -> None:
        self._start = starter.fork if is_fork else starter.launch
        self._command = command
        self._environment = {
            **os.environ,
            "DATABASE_URL": settings.postgres_dsn,
            "REDIS_URL": settings.redis_dsn,
            "PYTHONPATH": str(ROOT),
            "LOG_FORMAT": "console",
            **environment,
        }
        self._log = log
        self._process: starter.Process | None = None

    def unset(self, variable: str) -> None:
        """Do not give this environment variable to the group."""
        self._environment.pop(variable, None)

    def start(self) -> Group:
        with self._log.open("ab") as log:
            self._process = self._start(self._command, self._environment, ROOT, log)
        return self

    def processes(self) -> list[psutil.Process]:
        """The master first, then all its descendants."""
        if self._process is None:
            return []
        try:
            master = psutil.Process(self._process.pid)
            return [master, *master.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    @property
    def is_alive(self) -> bool:
        """Whether the master lives."""
        return self._process is not None and self._process.poll() is None

    def restart(self) -> None:
        """Kill what is left of the group, and start it again."""
        self._reap()
        self.start()

    def signal(self, number: int) -> None:
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def kill(self) -> None:
        """kill -9 of every process."""
        self.signal(signal.SIGKILL)
        self._reap()

    def wait(self, timeout_s: float = 60) -> int:
        """Wait until the master ends; its return code."""
        assert self._process
        return self._process.wait(timeout_s)

    def stop(self, timeout_s: float = 40) -> int:
        """TERM to the master, as an operator does; its return code."""
        assert self._process
        self._process.terminate()
        return self._process.wait(timeout_s)

    def log(self) -> str:
        return self._log.read_text()

    def __enter__(self) -> Group:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            sys.stderr.write(self.log()[-5_000:])
        assert self._process
        self.signal(signal.SIGCONT)
        # Only to the master, which tells the others. A second TERM would hang them (dramatiq with AsyncIO).
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the group did not stop within 30 s") from error
        finally:
            self._reap()

    def _reap(self) -> None:
        assert self._process
        # Orphans of a killed master are still in its session.
        for process in psutil.process_iter(["pid"]):
            try:
                if os.getsid(process.pid) == self._process.pid:
                    process.kill()
            except (ProcessLookupError, psutil.NoSuchProcess, PermissionError):
                continue
        self._process.wait(10)


def workers(
    settings: Settings,
    log: Path,
    *,
    processes: int = 2,
    threads: int = 4,
    is_traced: bool = True,
    modules: Sequence[str] = ("tests.handlers",),
    **environment: str,
) -> Group:
    """A group as a user starts it by hand. `modules`: those with job types, besides the built-in ones.

    `is_traced`: False if a handler does not react to an interrupt. Until it reacts, Python 3.11 stops every other thread that
    coverage traces at its next function call.
    """
    command = ["-m", "dramatiq", "aeon_jobs.actors", *modules, "-p", str(processes), "-t", str(threads)]
    group = Group(command, settings, log, **environment)
    if not is_traced:
        group.unset("COVERAGE_PROCESS_CONFIG")
    return group


def ours(command: str, settings: Settings, log: Path, **environment: str) -> Group:
    """What `aeon-jobs COMMAND` becomes."""
    return Group(["-m", "aeon_jobs.ops.process", command], settings, log, **environment)
