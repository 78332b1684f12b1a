"""The dispatcher: the only producer to Redis.

1. Look how many messages each lane of live workers has in Redis, and whether Redis is still the one that we filled.
2. Dispatch as many ready jobs as fit in each lane's window, in one statement; commit.
3. Push them, in one idempotent call for each lane. What could not be pushed is pushed first next time.
4. Something was dispatched: go on at once. Nothing was: wait for a hint, at most DISPATCH_POLL_INTERVAL.

A window is a few times the threads of the lane's workers: enough to keep them busy, so little that a job of high priority
overtakes nearly everything. The backlog waits in PostgreSQL, in true order, and so does every job that no live worker can
run. Any number of dispatchers may run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Event, Thread

import redis
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.middleware.dispatch.upkeep import Upkeep
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.middleware.transport.wake_listener import WakeListener
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import dispatch
from aeon_jobs.persistence.queue.dispatch import Dispatch, Lane
from aeon_jobs.persistence.queue.workers import Registration

LANES_AGE_S = 1.0
PROMOTE_EVERY_S = 0.05
FULL_PAUSE_S = (0.005, 0.05)
FAULT_PAUSE_S = (0.1, 1.0)

_log = structlog.get_logger(__name__)


class Dispatcher:
    def __init__(
        self, database: Database, transport: RedisTransport, settings: Settings, registration: Registration
    ) -> None:
        self._database = database
        self._transport = transport
        self._settings = settings
        self._upkeep = Upkeep(database, transport, settings, registration)
        self._lanes: Sequence[Lane] = ()
        self._lanes_until = 0.0
        self._promote_at = 0.0
        self._unpushed: list[Dispatch] = []

    def run(self, stop: Event) -> None:
        """Dispatch until `stop` is set. The background tasks run in another thread."""
        listener = WakeListener(self._transport.client, f"{self._transport.namespace}:wake")
        upkeep = Thread(target=self._upkeep.run, args=(stop,), name="aeon-upkeep", daemon=True)
        listener.start()
        upkeep.start()
        try:
            self._loop(stop, listener)
        finally:
            listener.stop()
            upkeep.join()

    def dispatch_once(self) -> tuple[int, bool]:
        """One round: (how many jobs were dispatched, whether a full window kept others waiting)."""
        lanes = self._served()
        names = [lane.name for lane in lanes]
        depths, is_ours = self._transport.depths(names)
        if not is_ours:
            self._begin_epoch()
            depths, _ = self._transport.depths(names)
        if self._unpushed:
            self._push([])
        free = {lane: self._free(lane, depths[lane.name]) for lane in lanes}
        open_lanes = {lane: count for lane, count in free.items() if count > 0}
        with self._database.connection() as connection:
            self._promote(connection)
            dispatched = dispatch.dispatch(connection, open_lanes) if open_lanes else []
        if dispatched:
            crash("dispatch.committed")
            self._push(dispatched)
            crash("dispatch.pushed")
        return len(dispatched), len(open_lanes) < len(lanes) or any(lane.is_limited for lane in lanes)

    def _promote(self, connection: Connection) -> None:
        """Mark what came due. Not in every round: there may be hundreds a second."""
        if time.monotonic() >= self._promote_at:
            dispatch.promote(connection)
            self._promote_at = time.monotonic() + PROMOTE_EVERY_S

    def _loop(self, stop: Event, listener: WakeListener) -> None:
        full_pause, fault_pause = FULL_PAUSE_S[0], FAULT_PAUSE_S[0]
        poll_s = self._settings.dispatch_poll_interval / 1_000
        while not stop.is_set():
            listener.clear()
            try:
                count, is_full = self.dispatch_once()
            except Exception as error:  # noqa: BLE001 (any error: the heartbeat still says that this process dispatches)
                is_foreseen = isinstance(error, redis.RedisError | SQLAlchemyError)
                _log.warning("dispatch waits", error=str(error).partition("\n")[0], exc_info=not is_foreseen)
                stop.wait(fault_pause)
                fault_pause = min(fault_pause * 2, FAULT_PAUSE_S[1])
                self._lanes_until = 0
                continue
            fault_pause = FAULT_PAUSE_S[0]
            if count:
                full_pause = FULL_PAUSE_S[0]
                # Jobs that come in this moment share the next round.
                stop.wait(0.001)
            elif is_full:
                # Jobs may wait for a free thread; workers send no signal when they have one.
                stop.wait(full_pause)
                full_pause = min(full_pause * 2, FULL_PAUSE_S[1])
            else:
                listener.wait(poll_s)

    def _served(self) -> Sequence[Lane]:
        if time.monotonic() >= self._lanes_until or not self._lanes:
            with self._database.connection() as connection:
                self._lanes = dispatch.lanes(connection, self._settings.worker_lock_duration)
            self._lanes_until = time.monotonic() + LANES_AGE_S
        return self._lanes

    def _free(self, lane: Lane, depth: int) -> int:
        window = lane.threads * self._settings.dispatch_window_factor
        free = window - depth
        # Nearly full: every thread has its next jobs. A few at a time would only cost more rounds.
        return free if free >= window // 4 else 0

    def _push(self, dispatched: list[Dispatch]) -> None:
        self._unpushed += dispatched
        self._transport.push(self._unpushed)
        self._unpushed = []

    def _begin_epoch(self) -> None:
        """Redis was flushed, replaced, or is new: all queued jobs are dispatched again."""
        if policy := self._transport.evicts():
            _log.error(
                "Redis evicts: messages may vanish and be sent again; set maxmemory-policy noeviction", policy=policy
            )
        with self._database.connection() as connection:
            queued = dispatch.queued_since(connection, age_ms=0, limit=100_000)
            dispatch.take_back(connection, [(entry.id, entry.seq) for entry in queued])
        crash("epoch.filled")
        self._transport.begin_epoch()
        _log.info("new Redis: queued jobs are dispatched again", jobs=len(queued))
