"""What periodiq imports: the tick with its times. Workers run the tick, and load nothing of periodiq."""

from __future__ import annotations

from periodiq import cron

from aeon_jobs.middleware.dispatch import schedule_tick
from aeon_jobs.middleware.job import broker

schedule_tick.declare(broker(), periodic=cron("* * * * *"))
