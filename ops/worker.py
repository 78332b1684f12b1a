"""The worker process group: dramatiq's own command line, given our settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from aeon_jobs.persistence.core.settings import Settings


def become(settings: Settings, modules: Sequence[str]) -> NoReturn:
    """Replace this process by dramatiq's master, which forks the workers.

    Replaced, not imported: a parent that has imported the actors would share its broker's id with every fork.
    """
    os.execv(sys.executable, command(settings, modules))  # noqa: S606 - no shell is wanted


def command(settings: Settings, modules: Sequence[str]) -> list[str]:
    return [
        *(sys.executable, "-P", "-m", "dramatiq"),
        *("aeon_jobs.actors", *modules),
        *("--processes", str(settings.worker_processes)),
        *("--threads", str(settings.worker_concurrency)),
        *("--worker-shutdown-timeout", str(settings.worker_shutdown_timeout)),
    ]
