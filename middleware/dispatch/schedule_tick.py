"""The tick of the schedules.

1. The scheduler process looks once a second, on the second, and ticks when a schedule is due.
2. periodiq sends a tick to the workers once a minute, as an ordinary actor: schedules go on while no scheduler can reach
   PostgreSQL.

Both only drive it. What is due, in which time zone, and that it becomes a job once, is decided in PostgreSQL
(`aeon_jobs.persistence.schedules`). So a tick too many does nothing, and a missed one is made up for by the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import Any

import dramatiq
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.middleware.transport.broker import JobBroker
from aeon_jobs.persistence.queue.background_tasks import note_successes
from aeon_jobs.persistence.schedules import tick as ticks

NAME = "schedule_tick"

_log = structlog.get_logger(__name__)


def declare(broker: JobBroker, **options: Any) -> None:
    """Make the tick known to a broker, once. periodiq needs the option `periodic`."""
    if NAME in broker.actors:
        return

    @dramatiq.actor(actor_name=NAME, broker=broker, **options)
    def schedule_tick() -> None:
        """Turn due times of schedules into jobs."""
        tick(broker)
        _try(broker, lambda connection: note_successes(connection, ["schedules"]))


def keep_ticking(broker: JobBroker, stop: Event) -> None:
    """Tick on each second until `stop` is set."""
    while not stop.wait(1 - time.time() % 1):
        try:
            tick(broker)
        except Exception:  # noqa: BLE001 (logged; the next second is another one)
            _log.exception("tick failed")


def tick(broker: JobBroker) -> None:
    """Run what is due. A database that does not answer is tried again at the next tick."""
    if not _try(broker, ticks.is_due):
        return
    try:
        ticked = ticks.tick(broker.database, tracer=broker.tracer)
    except SQLAlchemyError as error:
        _waits(error)
        return
    for job_id in ticked.cancelled:
        broker.hints.cancel(job_id)
    if ticked.submitted:
        _log.info("schedules came due", jobs=len(ticked.submitted))
        broker.hints.job_ready()


def _try(broker: JobBroker, step: Callable[[Connection], object]) -> object:
    try:
        with broker.database.connection() as connection:
            return step(connection)
    except SQLAlchemyError as error:
        _waits(error)
        return None


def _waits(error: SQLAlchemyError) -> None:
    _log.warning("schedules wait for the next tick", error=str(error).splitlines()[0])
