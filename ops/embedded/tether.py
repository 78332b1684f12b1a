"""A child process that ends with its owner, and that does not get the terminal's Ctrl-C.

On Linux the kernel sends `death_signal` to the child when the *thread* that started it ends, kill -9 included
(PR_SET_PDEATHSIG, set by util-linux's `setpriv`: a preexec_fn could deadlock in a process with threads). So
start children from the main thread. Elsewhere a killed owner leaves its children behind; servers left behind
are found and stopped by the next start on the same directory.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import IO, Any


@dataclass(frozen=True, slots=True)
class RunAs:
    """The child's account. `through_closed_directories` lets it pass through directories closed to it, such as /root."""

    account: pwd.struct_passwd
    through_closed_directories: bool = False


def bare_environment() -> dict[str, str]:
    """For a server: none of our secrets, and no PG* variables, which are about another server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def tethered(
    argv: Sequence[str],
    *,
    death_signal: signal.Signals,
    output: int | IO[bytes],
    environ: Mapping[str, str] | None = None,
    run_as: RunAs | None = None,
    cwd: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start `argv` in a session of its own, tied to this thread's life; stdout and stderr go to `output`."""
    prefix, options = _terms(death_signal, run_as)
    return subprocess.Popen(  # noqa: S603 - the caller decides what runs
        [*prefix, *argv],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environ,
        cwd=cwd,
        start_new_session=True,
        **options,
    )


def run_to_end(
    argv: Sequence[str], *, environ: Mapping[str, str], run_as: RunAs | None
) -> subprocess.CompletedProcess[str]:
    """Run a short command on the same terms; its exit code is not checked.

    Interrupted, it ends with all its children: an initdb's own postgres would go on writing into a directory that we delete.
    """
    prefix, options = _terms(signal.SIGKILL, run_as)
    process: subprocess.Popen[str] | None = None
    try:
        with signals_deferred():
            process = subprocess.Popen(  # noqa: S603
                [*prefix, *argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environ,
                cwd="/",  # the account may not be allowed to stand where we stand
                start_new_session=True,
                **options,
            )
        stdout, stderr = process.communicate()
    except BaseException:
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            # Until the last of the group has closed its end, which it does by dying.
            process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Handle INT, TERM and HUP after the block. An exception inside of Popen would leave a child that nobody knows.

    Not for blocks that may take long. Outside of the main thread it does nothing: handlers never run there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[tuple[int, FrameType | None]] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    # Ignored and default ones stay: a child would inherit the first, and the second ends this process and, with it, the child.
    functions = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in functions:
        signal.signal(number, lambda number, frame: arrived.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in functions.items():
            signal.signal(number, handler)
        for arrived_number, frame in arrived:
            functions[signal.Signals(arrived_number)](arrived_number, frame)


def _terms(death_signal: signal.Signals, run_as: RunAs | None) -> tuple[list[str], dict[str, Any]]:
    """What to put before the command, and which options to give to subprocess."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return [], _account_options(run_as)
    return [setpriv, "--pdeathsig", death_signal.name.removeprefix("SIG"), *_account_arguments(run_as)], {}


def _account_arguments(run_as: RunAs | None) -> list[str]:
    if run_as is None:
        return []
    account = [f"--reuid={run_as.account.pw_uid}", f"--regid={run_as.account.pw_gid}", "--clear-groups"]
    passes = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"] if run_as.through_closed_directories else []
    return account + passes


def _account_options(run_as: RunAs | None) -> dict[str, Any]:
    if run_as is None:
        return {}
    return {"user": run_as.account.pw_uid, "group": run_as.account.pw_gid, "extra_groups": []}
