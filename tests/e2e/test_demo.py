"""The demo as a person runs it: `python -m aeon_jobs demo`, to its end, and interrupted."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from aeon_jobs.ops.demo.checks import CHECKS
from tests.leaks import wait_until_empty

TIMEOUT = 90.0
"""Seconds: more than the demo's own deadline."""

SECRETS = ("WEBHOOK_SECRET", "REDIS_URL")


class Demo:
    """A running demo, seen through its output and its process tree. Its temporary files go to `directory`."""

    def __init__(self, directory: Path) -> None:
        self.temporary, self._output = directory / "tmp", directory / "demo.txt"
        self.temporary.mkdir()
        self.temporary.chmod(0o755)  # embedded PostgreSQL may run under another account
        # Variables that name servers name real ones. The demo must not touch them.
        environ = os.environ | {"TMPDIR": str(self.temporary), "DATABASE_URL": "postgresql://127.0.0.1:1/real"}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "aeon_jobs", "demo"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environ,
                cwd=directory,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_for(self, pattern: str) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not re.search(pattern, self.output):
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, f"{pattern!r} did not appear:\n{self.output}"
            time.sleep(0.05)

    def tree(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            demo = psutil.Process(self.process.pid)
            return [demo, *demo.children(recursive=True)]
        return []


@pytest.fixture
def start(private_dir: Path) -> Iterator[Callable[[], Demo]]:
    started: list[Demo] = []

    def start() -> Demo:
        started.append(Demo(private_dir))
        return started[-1]

    yield start
    for demo in started:
        if demo.process.poll() is None:
            demo.process.send_signal(signal.SIGINT)
            demo.process.wait(TIMEOUT)


def listening(processes: list[psutil.Process]) -> set[int]:
    ports: set[int] = set()
    for process in processes:
        with suppress(psutil.Error):
            found = process.net_connections(kind="tcp")
            ports |= {connection.laddr.port for connection in found if connection.status == psutil.CONN_LISTEN}
    return ports


def open_ports(ports: set[int]) -> list[int]:
    found = []
    for port in ports:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                found.append(port)
    return found


def command_lines(processes: list[psutil.Process]) -> str:
    lines = []
    for process in processes:
        with suppress(psutil.Error):
            lines.append(" ".join(process.cmdline()))
    return "\n".join(lines)


def secrets_of(processes: list[psutil.Process]) -> set[str]:
    """The secrets in the environment of the programs, passwords only."""
    found: set[str] = set()
    for process in processes:
        with suppress(psutil.Error):
            environ = process.environ()
            found |= {environ[name].rpartition("@")[0].rpartition(":")[2] or environ[name] for name in SECRETS}
    return found


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.timeout(240)
def test_every_check_passes_and_nothing_is_left_behind(start: Callable[[], Demo]) -> None:
    demo = start()
    demo.wait_for("completed [1-9]")
    family = demo.tree()
    ports, argvs = listening(family), command_lines(family)
    secrets = secrets_of([p for p in family if "worker_group" in command_lines([p])])
    assert len(ports) >= 3  # API, mail server, webhook receiver
    assert len(secrets) == len(SECRETS)

    assert demo.process.wait(TIMEOUT) == 0, demo.output
    assert demo.output.count("✓") == len(CHECKS)
    assert "The demo passed" in demo.output
    assert wait_until_empty(lambda: alive(family)) == []
    assert open_ports(ports) == []
    assert list(demo.temporary.iterdir()) == []
    assert not [secret for secret in secrets if secret in argvs + demo.output]


@pytest.mark.timeout(240)
def test_ctrl_c_in_the_middle_leaves_nothing_behind(start: Callable[[], Demo]) -> None:
    demo = start()
    demo.wait_for("running [1-9]")
    family = demo.tree()
    ports = listening(family)
    demo.process.send_signal(signal.SIGINT)

    assert demo.process.wait(TIMEOUT) == 1
    assert "The demo was interrupted" in demo.output
    assert "Traceback" not in demo.output
    assert wait_until_empty(lambda: alive(family)) == []
    assert open_ports(ports) == []
    assert list(demo.temporary.iterdir()) == []


@pytest.mark.timeout(240)
def test_term_while_the_servers_start_leaves_nothing_behind(start: Callable[[], Demo]) -> None:
    demo = start()
    demo.wait_for("Starting PostgreSQL")
    demo.process.terminate()
    assert demo.process.wait(TIMEOUT) == 1
    assert "The demo was interrupted" in demo.output
    assert list(demo.temporary.iterdir()) == []
