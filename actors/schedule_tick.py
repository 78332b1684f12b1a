"""The tick of the schedules, for `periodiq aeon_jobs.actors`. Workers know it by themselves."""

from __future__ import annotations

from importlib.util import find_spec

from aeon_jobs.middleware.job import broker

# A service that only sends built-in jobs may be without periodiq.
if find_spec("periodiq"):
    from aeon_jobs.middleware.dispatch import schedule_tick

    schedule_tick.declare(broker())
