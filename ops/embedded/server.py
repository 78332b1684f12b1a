"""What the embedded servers share: one directory, one owner, one child process.

1. `start` locks the directory, stops what a killed owner left behind, starts the child, waits for its answer.
2. `stop` asks the child to shut down cleanly, kills it when it takes too long, frees the lock.
3. `kill` and `restart` are for those who test what happens when a server dies.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import psutil
import tenacity

from aeon_jobs.ops.embedded.directory_lock import DirectoryLock
from aeon_jobs.ops.embedded.tether import signals_deferred
from aeon_jobs.persistence.core.errors import JobsError

START_LIMIT = 60.0
"""Seconds; recovery after a crash is included, a busy laptop's first start as well."""

STOP_LIMIT = 15.0
"""Seconds after which a clean shutdown turns into a kill."""

LONGEST_SOCKET_PATH = 100
"""sun_path holds 104 bytes on macOS and 108 on Linux, the closing NUL included."""


class EmbeddedServerError(JobsError):
    """A bundled server could not be found or started; the message says why and where its log is."""


class EmbeddedServer(ABC):
    """A server process with its data in `data_dir`, which is created when missing."""

    name: str

    def __init__(self, data_dir: Path | str, *, durable: bool) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.log_path = self.data_dir / f"{self.name}.log"
        self._durable = durable
        self._lock = DirectoryLock(self.data_dir, f"{self.name}.lock")
        self._process: subprocess.Popen[bytes] | None = None
        self._short_dir: Path | None = None
        self._temporary: list[Path] = []
        """Directories that go when the server stops."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect. Stays the same over `restart`."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make the child's files; called at each start, with the directory locked."""

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]: ...

    @abstractmethod
    def _answers(self) -> bool:
        """Whether a client gets through."""

    @abstractmethod
    def _stop_signal(self, *, immediate: bool) -> signal.Signals: ...

    @abstractmethod
    def _pid_on_file(self) -> int | None:
        """The process id that the server itself wrote down, if any."""

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, f"{self.name} is not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start and wait until clients get through.

        Raises:
            DirectoryInUse: another process has these data open.
            EmbeddedServerError: with the last lines of the server's log.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            self._end_orphan()
            self._prepare()
            self._run()
        except BaseException:
            self._abandon()
            raise
        return self

    def stop(self) -> None:
        """Shut down cleanly; idempotent."""
        if self._process is not None:
            self._end(self._stop_signal(immediate=False))
        self._abandon()

    def kill(self) -> None:
        """SIGKILL, children first gathered so that none outlives its parent. The directory stays ours."""
        assert self._process is not None, f"{self.name} is not started"
        _kill_tree(self._process.pid)
        self._process.wait()
        self._process = None

    def restart(self, *, immediate: bool = False) -> None:
        """Stop (or, when immediate, crash in the server's own way) and start again under the same url."""
        if self._process is not None:
            self._end(self._stop_signal(immediate=immediate))
        self._run()

    def __enter__(self) -> Self:
        return self if self.running else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        with signals_deferred():
            self._process = self._launch()
        try:
            self._wait_until_ready()
        except tenacity.RetryError:
            raise EmbeddedServerError(f"{self.name} did not start: {self._last_log_lines()}") from None

    def _wait_until_ready(self) -> None:
        poll = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda ready: not ready),
            stop=lambda attempt: not self.running or tenacity.stop_after_delay(START_LIMIT)(attempt),
            wait=tenacity.wait_fixed(0.02),
        )
        poll(self._answers)

    def _end(self, signal_number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(signal_number)
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            _kill_tree(self._process.pid)
            self._process.wait()
        self._process = None

    def _abandon(self) -> None:
        if self._process is not None:
            _kill_tree(self._process.pid)
            self._process.wait()
            self._process = None
        while self._temporary:
            shutil.rmtree(self._temporary.pop(), ignore_errors=True)
        self._short_dir = None
        self._lock.release()

    def _end_orphan(self) -> None:
        """Stop a server that still runs on these files: we hold the lock, so its owner is dead."""
        pid = self._pid_on_file()
        if pid is None:
            return
        try:
            orphan = psutil.Process(pid)
            if not _is_server(orphan, self.data_dir):
                return
            orphan.send_signal(self._stop_signal(immediate=False))
            orphan.wait(STOP_LIMIT)
        except psutil.TimeoutExpired:
            _kill_tree(pid)
        except psutil.NoSuchProcess:
            pass

    def _socket_dir(self, socket_name: str) -> Path:
        """A directory for the socket: with the data when its path is short enough, else a temporary one."""
        beside = self.data_dir / "socket"
        if len(str(beside / socket_name).encode()) < LONGEST_SOCKET_PATH:
            beside.mkdir(mode=0o700, exist_ok=True)
            return beside
        self._short_dir = self._short_dir or self._temporary_dir()
        return self._short_dir

    def _temporary_dir(self) -> Path:
        """A new directory with a short path."""
        self._temporary.append(Path(tempfile.mkdtemp(prefix="aeon-", dir="/tmp")))
        return self._temporary[-1]

    def _log(self) -> BinaryIO:
        """The log, for the server to append to. PostgreSQL writes failed statements there, payloads in them."""
        log = self.log_path.open("ab")
        self.log_path.chmod(0o600)
        return log

    def _last_log_lines(self) -> str:
        try:
            lines = self.log_path.read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return f"{' | '.join(lines[-3:]) or 'its log is empty'} (log: {self.log_path})"


def _is_server(process: psutil.Process, data_dir: Path) -> bool:
    """Process ids are reused: only a process with our directory in its command line is ours to stop."""
    return any(str(data_dir) in argument for argument in process.cmdline())


def _kill_tree(pid: int) -> None:
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    # The parent is ours to reap. The others fall to init, which may take its time: dead is enough.
    poll = tenacity.Retrying(
        retry=tenacity.retry_if_result(bool),
        stop=tenacity.stop_after_delay(STOP_LIMIT),
        wait=tenacity.wait_fixed(0.01),
        retry_error_callback=lambda _: None,
    )
    poll(lambda: any(map(_alive, family[1:])))


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
