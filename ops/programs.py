"""The processes of a whole system on one machine, as data."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import IntEnum

from aeon_jobs.persistence.core.settings import Settings

GRACE_S = 3.0
"""What a program gets on top of its own shutdown time before it is killed."""


class StopRank(IntEnum):
    """The order of going down: who takes work in, who runs it, who delivers it (while nobody does, a worker would step in);
    the servers come last of all."""

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


def programs(settings: Settings) -> list[Program]:
    """What `aeon-jobs up` runs."""
    drain = settings.worker_shutdown_timeout / 1000 + GRACE_S
    everything = [
        Program("api", _ours("api"), StopRank.INTAKE, stop_limit=5 + GRACE_S),
        Program("scheduler", _ours("scheduler"), StopRank.INTAKE, stop_limit=5 + GRACE_S),
        Program("dispatcher", _ours("dispatcher"), StopRank.DELIVERY, stop_limit=5 + GRACE_S),
        Program("worker", _ours("worker"), StopRank.WORK, drain, restart=settings.worker_auto_restart),
    ]
    return [program for program in everything if program.name != "worker" or settings.worker_enabled]


def _ours(command: str) -> tuple[str, ...]:
    # -P: a folder called `ops` in the user's working directory must not win over ours.
    return (sys.executable, "-P", "-m", "aeon_jobs", command)
