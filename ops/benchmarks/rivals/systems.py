"""The systems that are compared. Each runs 2 worker processes, 16 jobs at once, and otherwise on its defaults."""

from __future__ import annotations

from dataclasses import dataclass

PACKAGE = "aeon_jobs.ops.benchmarks.rivals"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A system that is measured."""

    name: str
    adapter: str
    """The module of its adapter."""
    processes: dict[str, list[str]]
    """What runs jobs, by name: the arguments after `python -m`."""
    requirements: str | None
    """The file of its packages; None for what is installed here."""


def _module(name: str) -> str:
    return f"{PACKAGE}.{name}"


OURS = Measured(
    name="aeon-jobs",
    adapter=_module("ours"),
    processes={
        "dispatcher": ["aeon_jobs", "dispatcher"],
        "workers": ["aeon_jobs", "worker", _module("ours")],
    },
    requirements=None,
)
DRAMATIQ = Measured(
    name="dramatiq",
    adapter=_module("raw_dramatiq"),
    processes={"workers": ["dramatiq", _module("raw_dramatiq"), "-p", "2", "-t", "8"]},
    requirements="dramatiq.txt",
)
_PROCRASTINATE = ["procrastinate", "-a", _module("procrastinate_tasks.app"), "--log-level", "warning"]
PROCRASTINATE = Measured(
    name="procrastinate",
    adapter=_module("procrastinate_tasks"),
    processes={f"worker {n}": [*_PROCRASTINATE, "worker", "-c", "8"] for n in (1, 2)},
    requirements="procrastinate.txt",
)
PGQUEUER = Measured(
    name="pgqueuer",
    adapter=_module("pgqueuer_tasks"),
    processes={f"worker {n}": [_module("pgqueuer_tasks")] for n in (1, 2)},
    requirements="pgqueuer.txt",
)
SYSTEMS = (OURS, DRAMATIQ, PROCRASTINATE, PGQUEUER)
