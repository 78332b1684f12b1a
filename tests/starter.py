"""Starts Python programs as forks of a process that has loaded the large libraries: most of what a start costs.

    process = fork(["-m", "dramatiq", "tests.handlers"], environment, directory, log)

The processes are real: each has its own memory, connections and signals, and is a child of the test's process. Nothing of
aeon_jobs is loaded before the fork. Where orphans cannot be adopted (macOS), and while coverage is measured, it is a plain
`subprocess.Popen`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, NoReturn, Protocol

from tests.leaks import adopt_orphans, ignore

LIBRARIES = (
    *("sqlalchemy", "sqlalchemy.dialects.postgresql.psycopg2", "psycopg2.extras", "redis", "hiredis", "psutil"),
    *("dramatiq", "dramatiq.cli", "dramatiq.results", "pydantic", "msgspec", "structlog"),
)
"""Libraries that read no environment variable when they are imported."""
MOST_BYTES = 1_000_000


class Process(Protocol):
    """What tests use of `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...


def launch(arguments: Sequence[str], environment: Mapping[str, str], directory: Path, log: IO[bytes]) -> Process:
    """`python ARGUMENTS` in a session of its own; what it prints goes to `log`."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=directory,
        env=dict(environment),
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def fork(arguments: Sequence[str], environment: Mapping[str, str], directory: Path, log: IO[bytes]) -> Process:
    """The same, as a fork of the starter. `-m module` and `-c code` are known."""
    if sys.platform != "linux" or "COVERAGE_PROCESS_CONFIG" in environment:
        return launch(arguments, environment, directory, log)
    request = {"arguments": list(arguments), "environment": dict(environment), "directory": str(directory)}
    channel = _starter()
    socket.send_fds(channel, [json.dumps(request).encode()], [log.fileno()])
    return Started(int(channel.recv(20)))


class Started:
    """A child that we did not fork ourselves."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        deadline = time.monotonic() + (timeout or float("inf"))
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired([f"process {self.pid}"], timeout or 0)
            time.sleep(0.01)
        return code

    def terminate(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)


@lru_cache(maxsize=1)
def _starter() -> socket.socket:
    # Also without pytest, as in the history checker: what the starter forks becomes our child.
    adopt_orphans()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-m", "tests.starter", str(theirs.fileno())]
        root = str(Path(__file__).parent.parent)
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=root, env={"PATH": os.environ["PATH"]})
    ignore(process.pid)

    def stop() -> None:
        ours.close()
        process.wait()

    atexit.register(stop)
    return ours


# --- in the starter -------------------------------------------------------------------------------


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    for name in LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    while True:
        message, files, _, _ = socket.recv_fds(channel, MOST_BYTES, 1)
        if not message:
            return
        (log,) = files
        answer, question = os.pipe()
        child = os.fork()
        if not child:
            # The grandchild's parent ends at once, so it becomes the child of the test's process.
            grandchild = os.fork()
            if grandchild:
                os.write(question, str(grandchild).encode())
                os._exit(0)
            os.close(answer)
            os.close(question)
            channel.close()
            _become(json.loads(message), log)
        os.waitpid(child, 0)
        channel.send(os.read(answer, 20))
        for file in (answer, question, log):
            os.close(file)


def _become(request: dict[str, Any], log: int) -> NoReturn:
    os.setsid()
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[:1] = [request["directory"], *filter(None, os.environ.get("PYTHONPATH", "").split(":"))]
    kind, what, *arguments = request["arguments"]
    sys.argv = ["-c", *arguments] if kind == "-c" else [what, *arguments]
    for name in [name for name in sys.modules if name == "tests" or name.startswith("tests.")]:
        del sys.modules[name]
    if kind == "-c":
        module = type(sys)("__main__")
        sys.modules["__main__"] = module
        exec(what, module.__dict__)
    else:
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    main()
