"""Batches and graphs of a run: jobs under a limit, jobs that fail, and jobs that do not.

The members of a batch come while others run already. A graph is one step, then many, then one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

MIX = {"h_limited": 6, "h_note": 2, "h_flaky": 1, "h_failing": 1}
TENANTS = 2
MEMBERS = 10


@dataclass(frozen=True, slots=True)
class Member:
    at: float
    job_type: str
    payload: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    at: float
    """Seconds from the start of the run."""
    members: list[Member]
    closed_at: float


@dataclass(frozen=True, slots=True)
class PlannedGraph:
    at: float
    middle: list[Member]
    """All of them wait for the first step; the last step waits for all of them."""


def plan(rng: Random, wanted: int, duration_s: float) -> list[PlannedBatch]:
    return [_batch(rng, rng.uniform(0, duration_s / 2), duration_s) for _ in range(wanted)]


def plan_graphs(rng: Random, wanted: int, duration_s: float) -> list[PlannedGraph]:
    times = [rng.uniform(0, duration_s) for _ in range(wanted)]
    return [PlannedGraph(at, [_member(rng, at) for _ in range(rng.randint(1, MEMBERS))]) for at in times]


def _batch(rng: Random, at: float, duration_s: float) -> PlannedBatch:
    members = [_member(rng, rng.uniform(at, duration_s - 1)) for _ in range(MEMBERS)]
    return PlannedBatch(at, members, closed_at=rng.uniform(max(member.at for member in members), duration_s))


def _member(rng: Random, at: float) -> Member:
    job_type = rng.choices(list(MIX), list(MIX.values()))[0]
    payload: dict[str, float] = {}
    if job_type == "h_limited":
        payload = {"tenant": rng.randrange(TENANTS), "seconds": round(rng.uniform(0.05, 0.6), 2)}
    elif job_type == "h_flaky":
        payload = {"failures": 1}
    return Member(at, job_type, payload)
