"""Clocks: leases are told by PostgreSQL's; schedules and tokens by the hosts'."""

from __future__ import annotations

import time
from collections.abc import Callable

from aeon_jobs.ops.doctor.finding import Finding, judged
from aeon_jobs.ops.doctor.patient import Patient

REMEDY = "run NTP (chrony, systemd-timesyncd) on both hosts"


def against_postgres(patient: Patient) -> Finding:
    return _compared("clock against PostgreSQL", patient, lambda: float(patient.ask_one("clock").now_s))


def against_redis(patient: Patient) -> Finding:
    def ask() -> float:
        seconds, microseconds = patient.redis.time()
        return float(seconds) + float(microseconds) / 1e6

    return _compared("clock against Redis", patient, ask)


def _compared(name: str, patient: Patient, ask: Callable[[], float]) -> Finding:
    skew = min((_skew(ask) for _ in range(3)), key=abs)
    direction = "behind" if skew < 0 else "ahead"
    detail = f"this host is {abs(skew):.3f} s {direction}"
    return judged(name, abs(skew), patient.limits.clock_skew_s, detail, REMEDY)


def _skew(ask: Callable[[], float]) -> float:
    """How far this host is ahead, the answer taken to be of the middle of the round trip (RFC 5905 section 8)."""
    before = time.time()
    theirs = ask()
    return (before + time.time()) / 2 - theirs
