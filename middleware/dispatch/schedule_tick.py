"""The tick of the schedules: an ordinary actor that periodiq sends every minute, and that every worker knows.

periodiq only drives it. What is due, in which time zone, and that it becomes a job once, is decided in PostgreSQL
(`aeon_jobs.persistence.queue.schedules`), so a tick too many does nothing and a missed one is made up for by the next.
"""

from __future__ import annotations

from typing import Any

import dramatiq
import structlog
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.middleware.transport.broker import JobBroker
from aeon_jobs.persistence.queue import schedules
from aeon_jobs.persistence.queue.background_tasks import note_successes

NAME = "schedule_tick"

_log = structlog.get_logger(__name__)


def declare(broker: JobBroker, **options: Any) -> None:
    """Make the tick known to a broker, once. periodiq needs the option `periodic`."""
    if NAME in broker.actors:
        return

    @dramatiq.actor(actor_name=NAME, broker=broker, **options)
    def schedule_tick() -> None:
        """Turn due moments of schedules into jobs."""
        try:
            with broker.database.transaction() as connection:
                submitted = schedules.tick(connection, tracer=broker.tracer)
                note_successes(connection, ["schedules"])
        except SQLAlchemyError as error:
            _log.warning("schedules wait for the next tick", error=str(error).splitlines()[0])
            return
        if submitted:
            _log.info("schedules came due", jobs=len(submitted))
            broker.hints.job_ready()
