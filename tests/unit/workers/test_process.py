"""Whether another process of the host is dead: only if it is certain."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from aeon_jobs.persistence.queue.process import is_dead, registration
from aeon_jobs.persistence.queue.workers import Peer


def peer(pid: int, started_at: float) -> Peer:
    return Peer("w", "worker", pid, started_at, None, [])


def test_a_living_process_is_not_dead() -> None:
    me = registration("worker", "me")
    assert not is_dead(peer(me.pid, me.process_started_at))


def test_setting_the_clock_kills_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    me = registration("worker", "me")
    real = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: real(self) + 3_600)

    assert not is_dead(peer(me.pid, me.process_started_at))


def test_a_process_that_ended_is_dead_reaped_or_not() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started_at = registration("worker", "me").process_started_at
    child.communicate(b"\n")

    assert is_dead(peer(child.pid, started_at))


def test_another_process_with_the_same_pid_is_not_the_one_we_knew() -> None:
    me = registration("worker", "me")
    assert is_dead(peer(os.getpid(), me.process_started_at - 60))


def test_a_process_that_ends_while_we_look_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with Path(f"/proc/{child.pid}/stat").open() as stat:
        child.communicate(b"\n")
        # What reading it says now, the pid taken for one that was there when we began.
        monkeypatch.setattr(Path, "read_text", lambda _: stat.read())
        assert is_dead(peer(os.getpid(), 0))
