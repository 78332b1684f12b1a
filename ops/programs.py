"""The processes of a whole system on one machine, as data."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from aeon_jobs.persistence.core.settings import Settings

GRACE_S = 3.0
"""Seconds that a program gets after its own shutdown time, before it is killed."""

WORKER = "worker"

IMPORT_FAILED = 2
"""Exit status of a worker whose modules cannot be imported; dramatiq uses it too."""


class StopRank(IntEnum):
    """The order of the shutdown: first what accepts work, then what runs it, then what delivers it. Without a dispatcher a
    worker would take over its work. The servers stop last.
    """

    INTAKE = 0
    WORK = 1
    DELIVERY = 2


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep running."""

    name: str
    argv: tuple[str, ...]
    rank: StopRank
    stop_limit: float
    """Seconds between TERM and KILL."""
    restart: bool = True
    waits_for_change: bool = False
    """After a failed import it is not started again until its files change."""


def programs(settings: Settings, modules: Sequence[str] = (), *, reload: bool = False) -> list[Program]:
    """What `aeon-jobs up` runs. The workers run the job types of `modules` too."""
    drain = settings.worker_shutdown_timeout / 1000 + GRACE_S
    everything = [
        Program("api", ours("api"), StopRank.INTAKE, stop_limit=5 + GRACE_S),
        Program("scheduler", ours("scheduler"), StopRank.INTAKE, stop_limit=5 + GRACE_S),
        Program("dispatcher", ours("dispatcher"), StopRank.DELIVERY, stop_limit=5 + GRACE_S),
        Program(WORKER, _worker(modules), StopRank.WORK, drain, settings.worker_auto_restart, reload),
    ]
    return [program for program in everything if program.name != WORKER or settings.worker_enabled]


def _worker(modules: Sequence[str]) -> tuple[str, ...]:
    if not modules:
        return ours("worker")
    return (sys.executable, "-P", "-m", "aeon_jobs.ops.verified_worker", *modules)


def ours(command: str) -> tuple[str, ...]:
    """The command line of `aeon-jobs COMMAND`."""
    # -P: a folder `aeon_jobs` in the user's working directory must not hide ours.
    return (sys.executable, "-P", "-m", "aeon_jobs", command)
