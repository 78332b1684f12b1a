"""The dispatcher's role in a worker process.

A bare `dramatiq aeon_jobs.actors` group is enough to run jobs: a worker process that has not heard of a dispatcher for a
while takes the role, in a thread, and gives it back when a dispatcher of its own process reports. Of several workers, the one
with the smallest id keeps it; for a moment two may dispatch, which is safe.

It also sees processes of its host die. Once a second it looks in /proc for those that it knows. It asks PostgreSQL which there
are, and which dispatchers report: every two seconds, after a death, and when the last dispatcher may have gone silent.
"""

from __future__ import annotations

import time
from threading import Event, Thread

import redis
import structlog
from dramatiq import Broker, Worker
from dramatiq.middleware import Middleware
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.middleware.dispatch.dispatcher import Dispatcher
from aeon_jobs.middleware.dispatch.upkeep import reap_dead
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import workers
from aeon_jobs.persistence.queue.process import is_dead, registration, this_host
from aeon_jobs.persistence.queue.workers import LiveDispatcher, Peer

SILENCE_MS = 5_000
LOOK_S = 1.0
IN_SIGHT_S = 2.0
"""How long the list of processes is good for."""

_log = structlog.get_logger(__name__)


class DispatcherRole(Middleware):
    def __init__(self, database: Database, transport: RedisTransport, settings: Settings) -> None:
        self._database = database
        self._transport = transport
        self._settings = settings
        self._stop = Event()
        self._blind_until = 0.0
        self._peers: list[Peer] = []
        self._ask_at = 0.0
        self._thread: Thread | None = None
        self._release: Event | None = None
        self._dispatching: Thread | None = None

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        self._registration = registration(
            "dispatcher", f"{self._settings.worker_id}-worker", threads=worker.worker_threads
        )
        self._stop.clear()
        self._ask_at = 0.0
        self._thread = Thread(target=self._watch, name="aeon-role", daemon=True)
        self._thread.start()

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        # Early: while this process finishes its jobs, another one must be able to dispatch.
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except (SQLAlchemyError, redis.RedisError) as error:
                if isinstance(error, SQLAlchemyError):
                    # PostgreSQL was down: a missing heartbeat means nothing until every process had time for a new one.
                    self._blind_until = time.monotonic() + 2 * self._settings.worker_heartbeat_interval / 1_000
                _log.debug("role not looked at", error=str(error).splitlines()[0])
            except Exception:  # noqa: BLE001 (logged; without this thread the process would never dispatch)
                _log.exception("role not looked at")
            self._stop.wait(max(0.05, min(LOOK_S, self._ask_at - time.monotonic())))
        self._give_back()

    def _look(self) -> None:
        if self._dispatching or time.monotonic() >= self._ask_at:
            self._ask()
        if any(map(is_dead, self._peers)):
            reap_dead(self._database, self._transport, self._settings)
            self._ask_at = 0.0

    def _ask(self) -> None:
        # After an error as well.
        self._ask_at = time.monotonic() + LOOK_S
        with self._database.connection() as connection:
            dispatchers, self._peers = workers.in_sight(connection, this_host(), SILENCE_MS)
        others = [found for found in dispatchers if found.id != self._registration.id]
        self._take() if self._is_needed(others) else self._give_back()
        until_silent_s = (SILENCE_MS - min((found.age_ms for found in others), default=0)) / 1_000
        self._ask_at = time.monotonic() + min(IN_SIGHT_S, until_silent_s)

    def _is_needed(self, others: list[LiveDispatcher]) -> bool:
        if time.monotonic() < self._blind_until:
            return self._dispatching is not None
        if not self._dispatching:
            return not others
        return not any(other.dedicated or other.id < self._registration.id for other in others)

    def _take(self) -> None:
        if self._dispatching:
            return
        _log.info("no dispatcher reports: taking its role")
        self._release = Event()
        dispatcher = Dispatcher(self._database, self._transport, self._settings, self._registration)
        self._dispatching = Thread(target=dispatcher.run, args=(self._release,), name="aeon-dispatcher", daemon=True)
        self._dispatching.start()

    def _give_back(self) -> None:
        if self._dispatching and self._release:
            self._release.set()
            self._dispatching.join()
            self._dispatching = None
            _log.info("dispatcher's role given back")
