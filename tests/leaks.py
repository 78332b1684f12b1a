"""Finds what a test leaves behind: threads, and child processes, including orphans of killed parents."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil

TIMEOUT_S = 3.0
"""Seconds that threads and processes have to end after their test."""

HARMLESS_THREADS = ("pytest_timeout", "pydevd.")
HARMLESS_PROCESSES = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")

PR_SET_CHILD_SUBREAPER = 36

_ignored: set[int] = set()

T = TypeVar("T")


def adopt_orphans() -> None:
    """From now on, a descendant whose parent dies becomes our child (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def ignore(pid: int) -> None:
    """Do not report this process: a server of the session, which outlives a test."""
    _ignored.add(pid)


@contextmanager
def leaks() -> Iterator[list[str]]:
    """At the end, the list has a description of everything that was started inside and still runs."""
    threads, children = set(threading.enumerate()), set(_children())
    found: list[str] = []
    yield found
    found += wait_until_empty(lambda: _new_threads(threads) + _new_children(children))


@contextmanager
def short_directory() -> Iterator[Path]:
    """A temporary directory with a short path: the paths of pytest's own directories are too long for sockets."""
    directory = Path(tempfile.mkdtemp(prefix="aj-", dir="/tmp"))
    directory.chmod(0o755)  # embedded PostgreSQL may run under another account
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def wait_until_empty(look: Callable[[], list[T]], timeout_s: float = TIMEOUT_S) -> list[T]:
    """Call `look` until it returns nothing; its result after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def _new_threads(before: set[threading.Thread]) -> list[str]:
    return [
        f"thread {thread.name}"
        for thread in threading.enumerate()
        if thread not in before and thread.is_alive() and not thread.name.startswith(HARMLESS_THREADS)
    ]


def _new_children(before: set[int]) -> list[str]:
    """A pid of before is the same child: the number is free only after we have waited for it."""
    new = set(_children()) - before - _ignored
    return [text for pid in new if (text := _describe(pid)) is not None]


def _children() -> list[int]:
    # Twice per test: psutil looks at every process of the machine, Linux knows ours.
    lists = list(Path("/proc/self/task").glob("*/children"))
    if not lists:
        return [child.pid for child in psutil.Process().children()]
    pids = list[bytes]()
    for children in lists:
        with suppress(OSError):  # the thread ended meanwhile
            pids += children.read_bytes().split()
    return [int(pid) for pid in pids]


def _describe(pid: int) -> str | None:
    """None if the process is harmless or dead."""
    try:
        child = psutil.Process(pid)
        command = " ".join(child.cmdline())
        if child.status() == psutil.STATUS_ZOMBIE:
            _reap(child.pid)
            return None
    except psutil.NoSuchProcess:
        return None
    return None if any(name in command for name in HARMLESS_PROCESSES) else f"process {child.pid}: {command}"


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
