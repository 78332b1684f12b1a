"""A running `aeon-jobs up`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import httpx
import psutil

TIMEOUT = 60.0
"""Seconds: two cores may be busy with other things."""

T = TypeVar("T")


class System:
    """A running `aeon-jobs up`, seen through its log and its process tree."""

    def __init__(self, directory: Path, command: Sequence[str], **environ: str) -> None:
        self.directory, self.log = directory, directory / "up.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | environ,
                cwd=directory,
                start_new_session=True,
            )

    def says(self, pattern: str) -> str:
        """Waits for a line; its first group."""
        explain = self._explain(f"{pattern!r} in the log")

        def look() -> re.Match[str] | None:
            found = re.search(pattern, self.log.read_text())
            if found is None and self.process.poll() is not None:
                raise AssertionError(explain())
            return found

        found = until(look, explain)
        return found.group(1) if found.groups() else found.group(0)

    def ready(self) -> str:
        """Waits until the API takes jobs; its url."""
        url = self.says(r"ready: (http://\S+)")
        until(lambda: is_ready(url), self._explain("/health/ready"))
        return url

    def child(self, name: str) -> psutil.Process | None:
        """A direct child by the last word of its command, or by its program."""
        for child in psutil.Process(self.process.pid).children():
            words = words_of(child)
            if words and name in (words[-1], Path(words[0]).name):
                return child
        return None

    def worker_group(self) -> psutil.Process | None:
        for child in psutil.Process(self.process.pid).children():
            if "worker_group" in words_of(child):
                return child
        return None

    def environ(self, name: str) -> str:
        """A variable as the programs were given it."""
        api = until(lambda: self.child("api"), self._explain("the api process"))
        return api.environ()[name]

    @property
    def database_url(self) -> str:
        return self.environ("DATABASE_URL")

    def tree(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT)

    def _explain(self, what: str) -> Callable[[], str]:
        def text() -> str:
            return f"{what} did not appear; exit status {self.process.poll()}; log:\n{self.log.read_text()}"

        return text


def until(look: Callable[[], T | None], explain: Callable[[], str]) -> T:
    deadline = time.monotonic() + TIMEOUT
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(explain())
        time.sleep(0.05)
    return found


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def words_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
