"""A process that neither works nor dispatches, in the table of processes: so that people and `doctor` see that it lives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import workers
from aeon_jobs.persistence.queue.process import registration
from aeon_jobs.persistence.queue.workers import Kind, Registration

_log = structlog.get_logger(__name__)


@contextmanager
def present(kind: Kind, database: Database, settings: Settings) -> Iterator[None]:
    """Prove life every WORKER_HEARTBEAT_INTERVAL while the block runs, and mark the process as stopped at its end."""
    me, stop = registration(kind, settings.worker_id), Event()
    thread = Thread(target=_beat_on, args=(database, settings, me, stop), name="aeon-presence", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(2)
        _try(database, lambda connection: workers.change_state(connection, me.id, "stopped"))


def _beat_on(database: Database, settings: Settings, me: Registration, stop: Event) -> None:
    while not stop.is_set():
        _try(database, lambda connection: _beat(connection, me))
        stop.wait(settings.worker_heartbeat_interval / 1_000)


def _beat(connection: Connection, me: Registration) -> None:
    if workers.beat(connection, me.id) is None:
        workers.register(connection, me)


def _try(database: Database, step: Callable[[Connection], object]) -> None:
    try:
        with database.connection() as connection:
            step(connection)
    except SQLAlchemyError as error:
        _log.debug("presence not shown", error=str(error).splitlines()[0])
