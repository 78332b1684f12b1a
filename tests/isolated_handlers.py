"""Job types that run in a process of their own. They are apart: a worker that has any starts a fork server at once."""

from __future__ import annotations

import os
from datetime import timedelta

from aeon_jobs.actors import current_job, job
from tests.effects import effect


@job(isolation="process", timeout=timedelta(seconds=1), max_retries=0)
def spin() -> None:
    """One endless call in C that ignores signals: only SIGKILL ends it."""
    import signal

    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    effect(f"pid-{os.getpid()}")
    sum(iter(int, 1))


@job(isolation="process", timeout=timedelta(seconds=1), max_retries=0)
def parent() -> None:
    """Starts a process that would outlive it."""
    import subprocess

    grandchild = subprocess.Popen(["sleep", "600"])
    effect(f"pid-{grandchild.pid}")
    grandchild.wait()


@job(isolation="process")
def isolated(n: int) -> dict[str, object]:
    current_job().progress(1, "done")
    return {"n": n, "attempt": current_job().attempt, "pid": os.getpid()}


@job(isolation="process", permanent=(LookupError,))
def isolated_failure() -> None:
    raise LookupError("nothing there")


@job(isolation="process", max_retries=0)
def crash() -> None:
    os.kill(os.getpid(), 11)
