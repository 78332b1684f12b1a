"""One supervised program: its process, its unread output, how often it died."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress

from aeon_jobs.ops.embedded.tether import tethered
from aeon_jobs.ops.programs import IMPORT_FAILED, Program
from aeon_jobs.ops.restart import Deaths, RestartPolicy

CHUNK = 65_536


class Child:
    """Waiting (it starts at `start_at`), running, or stopped (neither)."""

    def __init__(self, program: Program, environ: Mapping[str, str], policy: RestartPolicy) -> None:
        self.program = program
        self.start_at: float | None = 0.0
        self._environ, self._policy = environ, policy
        self._process: subprocess.Popen[bytes] | None = None
        self._output: int | None = None
        self._rest = b""
        self._started_at = 0.0
        self._deaths = Deaths()
        self._restart_asked_at: float | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def output(self) -> int | None:
        """Descriptor to select on, until the program ends or closes its output."""
        return self._output

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, now: float) -> None:
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        self._output = read_end
        try:
            self._process = tethered(
                self.program.argv, death_signal=signal.SIGTERM, output=write_end, environ=self._environ
            )
        finally:
            os.close(write_end)
        self._started_at, self.start_at, self._restart_asked_at = now, None, None

    def read_lines(self) -> list[bytes]:
        """Whole lines that have arrived; never waits."""
        while chunk := self._read():
            self._rest += chunk
        *lines, self._rest = self._rest.split(b"\n")
        return lines

    def terminate(self) -> None:
        """TERM to the program alone: it tells its own children, in its own order."""
        if self._process is not None:
            self._process.terminate()

    def kill_group(self) -> None:
        """KILL to the program and to whatever it started in its session."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def reap(self, now: float) -> int | None:
        """The exit status if the program has ended, else None. Sets when it is to be started again."""
        if self._process is None or (status := self._process.poll()) is None:
            return None
        self._deaths = self._deaths.after(now - self._started_at, self._policy)
        self.start_at = self._next_start(status, now)
        return status

    def restart(self, now: float) -> None:
        """Start again: at once if it does not run, else as soon as it has stopped."""
        self._deaths = Deaths()
        if not self.running:
            self.start_at = now
        elif self._restart_asked_at is None:
            self._restart_asked_at = now
            self.terminate()

    @property
    def restarting(self) -> bool:
        """Whether `restart` was called and it has not started since."""
        return self._restart_asked_at is not None

    def overstays(self, now: float) -> bool:
        """Whether it was to restart and has not stopped within its limit."""
        asked_at = self._restart_asked_at
        return self.running and asked_at is not None and now - asked_at > self.program.stop_limit

    def awaits_change(self, status: int) -> bool:
        """Whether, after this exit status, only `restart` starts it again."""
        return self.program.waits_for_change and status == IMPORT_FAILED

    def clear(self) -> list[bytes]:
        """Clean up after a program that ended: kill the forks that it left behind, return its last output."""
        self.kill_group()
        lines = self.read_lines()
        if self._rest:
            lines.append(self._rest)
        self._close_output()
        self._process, self._rest = None, b""
        return lines

    def _next_start(self, status: int, now: float) -> float | None:
        if self.restarting:
            return now
        if not self.program.restart or self.awaits_change(status):
            return None
        return self._deaths.next_start(now, self._policy)

    def _read(self) -> bytes:
        if self._output is None:
            return b""
        try:
            chunk = os.read(self._output, CHUNK)
        except BlockingIOError:
            return b""
        if not chunk:
            self._close_output()
        return chunk

    def _close_output(self) -> None:
        if self._output is not None:
            os.close(self._output)
            self._output = None
