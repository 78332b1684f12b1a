"""The tick of the schedules, for `periodiq aeon_jobs.actors`. Workers know it by themselves."""

from __future__ import annotations

from aeon_jobs.middleware.job import broker

try:
    from aeon_jobs.middleware.dispatch import schedule_tick
except ModuleNotFoundError as missing:
    # A service that only sends built-in jobs is without periodiq.
    if missing.name not in ("periodiq", "pendulum"):
        raise
else:
    schedule_tick.declare(broker())
