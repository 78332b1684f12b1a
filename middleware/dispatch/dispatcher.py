"""The dispatcher: the only producer to Redis.

1. Look how many messages each lane of live workers has in Redis, if it may have no room; at least every second.
2. Dispatch as many ready jobs as fit in each lane's window, in one statement; commit.
3. Push them, in one idempotent call for each lane. What could not be pushed is pushed first next time.
4. Something was dispatched: go on after a short pause. Nothing was: wait for a hint, at most DISPATCH_POLL_INTERVAL.

Each look and each push also tell whether Redis is still the one that we filled.

The backlog waits in PostgreSQL, in true order, and so does every job that no live worker can run. Any number of dispatchers
may run.
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

import redis
import structlog
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.middleware.dispatch.backlog import FROM_THE_NEWEST, Backlog
from aeon_jobs.middleware.dispatch.upkeep import Upkeep
from aeon_jobs.middleware.dispatch.window import Window
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.middleware.transport.wakeup import Wakeup
from aeon_jobs.persistence.core import tracing
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import dispatch
from aeon_jobs.persistence.queue.dispatch import Dispatch, Lane
from aeon_jobs.persistence.queue.due import Due
from aeon_jobs.persistence.queue.workers import Registration

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.spans import Tracer

LANES_AGE_S = 1.0
PROMOTE_EVERY_S = 0.05
MOST_PAUSE_S = 0.02
"""A round that dispatched is followed by a pause, twice as long as it took: if the processor is busy, jobs come together."""
FULL_PAUSE_S = (0.005, 0.01)
GATED_PAUSE_S = 0.05
"""Longest pause while jobs wait for limits of their types. A worker tells of places that it freed, if its code has the limits;
rates, limits of operators, and what is not told are found by this look."""
FAULT_PAUSE_S = (0.1, 1.0)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Round:
    """What a round of the dispatcher did and found."""

    dispatched: int
    has_more: bool
    """There may be more to dispatch at once."""
    is_full: bool
    """Jobs may be waiting for threads that are busy."""
    is_gated: bool = False
    """Jobs may be waiting for limits of their types."""
    look_at: float = math.inf
    """Jobs may be waiting that this round left out: from this moment on it would not."""


class Dispatcher:
    def __init__(
        self, database: Database, transport: RedisTransport, settings: Settings, registration: Registration
    ) -> None:
        self._database = database
        self._tracer = tracing.tracer(settings)
        self._transport = transport
        self._settings = settings
        self._upkeep = Upkeep(database, transport, settings, registration, self._heed)
        self._lanes: Sequence[Lane] = ()
        self._lanes_until = 0.0
        self._looked_at = 0.0
        self._promote_at = 0.0
        self._wakeup = Wakeup()
        self._unpushed: list[Dispatch] = []
        self._backlog = Backlog()
        self._windows = defaultdict[str, Window](lambda: Window(settings.dispatch_window_factor))

    def run(self, stop: Event) -> None:
        """Dispatch until `stop` is set. The background tasks run in another thread."""
        upkeep = Thread(target=self._upkeep.run, args=(stop,), name="aeon-upkeep", daemon=True)
        self._wakeup.listen(self._transport.client, f"{self._transport.namespace}:wake")
        upkeep.start()
        try:
            self._loop(stop)
        finally:
            upkeep.join()
            self._wakeup.close()

    def dispatch_once(self) -> Round:
        lanes = self._served()
        if unknown := [lane for lane in lanes if self._windows[lane.name].must_look(lane)]:
            self._look(unknown)
        if self._unpushed:
            self._push([])
        free = {lane: self._windows[lane.name].free(lane) for lane in lanes}
        open_lanes = {lane: count for lane, count in free.items() if count}
        dispatched = self._dispatch(open_lanes) if open_lanes or self._is_promotion_due() else []
        has_new = False
        old = [lane for lane in lanes if not dispatched or self._windows[lane.name].is_old]
        if old or not lanes:
            # Now there is time, and the next job finds everything known. A new Redis is noticed without workers too.
            has_new = self._look(old)
        taken = Counter(entry.lane for entry in dispatched)
        done = Round(
            len(dispatched),
            has_more=has_new or any(taken[lane.name] >= count for lane, count in open_lanes.items()),
            is_full=len(open_lanes) < len(lanes) or any(lane.is_limited for lane in lanes),
            is_gated=any(lane.is_gated for lane in lanes),
            look_at=self._backlog.look_at if open_lanes else math.inf,
        )
        if not (done.has_more or done.is_full or done.is_gated):
            self._backlog.emptied(dispatched)
        return done

    def _look(self, lanes: Sequence[Lane]) -> bool:
        """See how many messages lanes have; whether this is a new Redis, and queued jobs were taken back."""
        depths, is_ours = self._transport.depths([lane.name for lane in lanes])
        if not is_ours:
            self._begin_epoch()
            depths, _ = self._transport.depths(list(depths))
        for name, depth in depths.items():
            self._windows[name].saw(depth)
        return not is_ours

    def _dispatch(self, free: Mapping[Lane, int]) -> list[Dispatch]:
        self._looked_at, began_ns = time.monotonic(), time.time_ns()
        with self._database.connection() as connection:
            if free:
                dispatched = dispatch.dispatch(connection, free, self._backlog.begin())
                self._backlog.end(len(dispatched))
            else:
                # Only to promote: it can find nothing, so it must not count as a walk from the beginning.
                dispatched = dispatch.dispatch(connection, free, FROM_THE_NEWEST)
        self._promote_at = time.monotonic() + PROMOTE_EVERY_S
        if dispatched:
            crash("dispatch.committed")
            self._push(dispatched)
            crash("dispatch.pushed")
            if self._tracer:
                self._trace(self._tracer, dispatched, began_ns)
        return dispatched

    def _trace(self, tracer: Tracer, dispatched: Sequence[Dispatch], began_ns: int) -> None:
        with self._database.connection() as connection:
            traces = dispatch.traces(connection, [entry.id for entry in dispatched])
        tracer.dispatch(traces, len(dispatched), began_ns)

    def _is_promotion_due(self) -> bool:
        """While no lane has room, what comes due is marked all the same."""
        return time.monotonic() >= self._promote_at

    def _heed(self, seen: Due) -> None:
        """Upkeep looked, in its thread. So this one needs not look for the same."""
        self._lanes, self._lanes_until = seen.lanes, time.monotonic() + 2 * LANES_AGE_S
        with suppress(redis.RedisError):
            if seen.ready or not self._transport.depths([])[1]:
                self._wakeup.set()
            else:
                self._looked_at = time.monotonic()

    def _loop(self, stop: Event) -> None:
        full_pause, fault_pause = FULL_PAUSE_S[0], FAULT_PAUSE_S[0]
        longest_s = self._settings.dispatch_poll_interval / 1_000
        while not stop.is_set():
            self._wakeup.clear()
            round_began = time.monotonic()
            try:
                done = self.dispatch_once()
            except Exception as error:  # noqa: BLE001 (any error: the heartbeat still says that this process dispatches)
                is_foreseen = isinstance(error, redis.RedisError | SQLAlchemyError)
                _log.warning("dispatch waits", error=str(error).partition("\n")[0], exc_info=not is_foreseen)
                stop.wait(fault_pause)
                fault_pause = min(fault_pause * 2, FAULT_PAUSE_S[1])
                self._lanes_until = 0
                # Nothing is dispatched before Redis has answered.
                self._windows.clear()
                continue
            self._upkeep.succeeded("dispatch")
            fault_pause = FAULT_PAUSE_S[0]
            if done.dispatched:
                full_pause = FULL_PAUSE_S[0]
                stop.wait(min(2 * (time.monotonic() - round_began), MOST_PAUSE_S))
            if done.has_more:
                continue
            if done.is_full:
                # Jobs may wait for a free thread; workers send no signal when they have one.
                stop.wait(full_pause)
                full_pause = min(full_pause * 2, FULL_PAUSE_S[1])
            else:
                poll_s = min(longest_s, GATED_PAUSE_S) if done.is_gated else longest_s
                self._rest(poll_s, done.look_at)

    def _rest(self, poll_s: float, look_at: float = math.inf) -> None:
        """Until a hint comes, nobody has looked for `poll_s`, or it is `look_at`."""
        while (left := min(self._looked_at + poll_s, look_at) - time.monotonic()) > 0:
            if self._wakeup.wait(left):
                return

    def _served(self) -> Sequence[Lane]:
        if time.monotonic() >= self._lanes_until or not self._lanes:
            with self._database.connection() as connection:
                self._lanes = dispatch.lanes(connection, self._settings.worker_lock_duration)
            self._lanes_until = time.monotonic() + LANES_AGE_S
        return self._lanes

    def _push(self, dispatched: list[Dispatch]) -> None:
        self._unpushed += dispatched
        _, is_ours = self._transport.push(self._unpushed)
        if not is_ours:
            # These too are taken back: their messages are void.
            self._begin_epoch()
        for lane, count in Counter(entry.lane for entry in self._unpushed).items():
            self._windows[lane].pushed(count)
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
