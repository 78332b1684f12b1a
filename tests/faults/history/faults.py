"""What fails in a run, and when. The seed decides it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

Kind = Literal[
    "kill_group",
    "kill_process",
    "roll",
    "freeze",
    "kill_dispatcher",
    "freeze_dispatcher",
    "kill_scheduler",
    "flush_redis",
    "restart_redis",
    "restart_postgres",
    "cut_redis",
    "cut_postgres",
    "hold_redis",
    "hold_postgres",
    "slow_redis",
    "slow_postgres",
]

MIX: dict[Kind, float] = {
    "kill_group": 2,
    "kill_process": 2,
    "roll": 1,
    "freeze": 2,
    "kill_dispatcher": 2,
    "freeze_dispatcher": 1,
    "kill_scheduler": 1,
    "flush_redis": 1.5,
    "restart_redis": 1.5,
    "restart_postgres": 1.5,
    "cut_redis": 1,
    "cut_postgres": 1.5,
    "hold_redis": 1,
    "hold_postgres": 1.5,
    "slow_redis": 0.5,
    "slow_postgres": 0.5,
}
LONGER_THAN_A_LEASE_S = (1.8, 3.0)
SHORT_S = (0.2, 1.5)
SKEWS_S = (0, 0, 120, -120, 3_600, -3_600)
"""Error of the clock of the second worker group."""


@dataclass(frozen=True, slots=True)
class Fault:
    at: float
    """Seconds from the start of the run."""
    kind: Kind
    worker: int
    """Index of the worker group."""
    duration_s: float


def plan(rng: Random, faults_wanted: int, duration_s: float) -> list[Fault]:
    times = sorted(rng.uniform(0, duration_s) for _ in range(faults_wanted))
    return [_fault(rng, at) for at in times]


def _fault(rng: Random, at: float) -> Fault:
    kind = rng.choices(list(MIX), list(MIX.values()))[0]
    is_long = kind in ("freeze", "freeze_dispatcher", "hold_postgres") or rng.random() < 0.3
    return Fault(at, kind, rng.randrange(2), rng.uniform(*(LONGER_THAN_A_LEASE_S if is_long else SHORT_S)))
