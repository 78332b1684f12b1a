"""Background tasks of a dispatcher: they repair what died. Each has its own clock, and may run anywhere and twice.

One statement a second looks what there is to do; at rest it is the only one. A task runs when it has something to do.

look        1 s   this dispatcher proves that it lives, and sees what there is to do
reap_dead   1 s   processes of this host that are certainly dead: their jobs are freed at once
rescue      1 s   running jobs whose lease ended: back to pending, or poison
expire      1 s   jobs that were not begun in time: they are cancelled
workflows   1 s   workflows that are cancelled, or not over by their deadline: their jobs are cancelled, some at a time
holds       1 s   steps of workflows whose timer, or whose wait for a signal, has ended
bulk_changes 1 s  changes of everything that matches a filter; 0.3 s of each second
abandoned   1 s   lanes without a live worker: what is in them goes back to PostgreSQL, where other workers may get it
silent      5 s   processes that were not heard of for a lease: what they had fetched is taken back
reconcile   2 s   jobs that are queued for a while: dispatched again if Redis lost them, or if no worker takes them
maintain    5 s   dramatiq's own maintenance, for messages of ordinary actors
forget     60 s   rows of processes that are long gone, old runs of schedules
archive    60 s   what ended long ago moves to the archive; while there is more, 0.2 s of each second
partitions 60 s   months of the archive: made ahead, dropped when their time is over
statistics 10 s   what the counters gained, and what waits and runs, is written for the charts

Every 10 s, the look also notes which tasks did their work since (the metrics show it).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

import redis
import structlog
from dramatiq.brokers.redis import RedisBroker
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.persistence.archive import partitions
from aeon_jobs.persistence.archive.moving import ArchivePass
from aeon_jobs.persistence.archive.retention import Retention
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.metrics import history as statistics
from aeon_jobs.persistence.queue import dispatch, due, executions, graphs, limits, workers, workflows
from aeon_jobs.persistence.queue.dispatch import parse_message_id
from aeon_jobs.persistence.queue.due import Due
from aeon_jobs.persistence.queue.process import is_dead, this_host
from aeon_jobs.persistence.queue.workers import Peer, Registration
from aeon_jobs.persistence.schedules import history

LOOK_EVERY_S = 1.0
ABSENT_AFTER_MS = 3_000
"""If Redis does not have a dispatch this long after its commit, it was lost."""
STALE_AFTER_MS = 60_000
"""A dispatch that waits this long is made again. The job gets its place in the order, and no lost process keeps it."""
NOTE_EVERY_S = 10.0
"""How often it is noted in PostgreSQL which tasks did their work."""
FORGET_AFTER_MS = 24 * 3_600_000
STATISTICS_S = 10.0
SLOW_COUNT_S, PATIENCE_S = 0.05, 60.0
"""If counting what waits takes longer than the first, it is counted again after the second."""
BULK_CHANGES_S = 0.3
"""For bulk changes, of each second about."""
ARCHIVE_S = 0.1
"""For the archive, of each second at most: what else there is to do waits so long."""

_log = structlog.get_logger(__name__)


@dataclass
class _Task:
    run: Callable[[], None]
    every_s: float
    is_needed: Callable[[Due], bool] = lambda _: True
    at: float = 0.0


class Upkeep:
    def __init__(
        self,
        database: Database,
        transport: RedisTransport,
        settings: Settings,
        registration: Registration,
        on_look: Callable[[Due], None] = lambda _: None,
    ) -> None:
        """`on_look` is called with what each look saw."""
        self._database = database
        self._transport = transport
        self._settings = settings
        self._registration = registration
        self._on_look = on_look
        self._seen: Due | None = None
        self._silent: list[Peer] = []
        self._blind_until = 0.0
        self._done: set[str] = set()
        self._note_at = time.monotonic() + LOOK_EVERY_S
        self._maintainer = RedisBroker(  # type: ignore[no-untyped-call]
            client=transport.client, namespace=transport.namespace, middleware=[], maintenance_chance=1_000_000
        )
        self._retention = Retention.of(settings)
        self._archive_pass = ArchivePass(self._retention)
        self._archiving = _Task(self.archive, 60)
        self._count_at = 0.0
        self._tasks = [
            _Task(self.reap_dead, 1, lambda seen: any(map(is_dead, seen.peers))),
            _Task(self.rescue, 1, lambda seen: seen.expired),
            _Task(self.expire, 1, lambda seen: seen.expiring),
            _Task(self.workflows, 1, lambda seen: seen.workflows),
            _Task(self.holds, 1, lambda seen: seen.holds),
            _Task(self.bulk_changes, 1, lambda seen: seen.bulk_changes),
            _Task(self.abandoned, 1, self._has_abandoned),
            _Task(self.reconcile, 2, lambda seen: seen.waiting),
            _Task(self.silent, 5, lambda seen: seen.silent or bool(self._silent)),
            _Task(self.maintain, 5),
            _Task(self.forget, 60),
            _Task(self.partitions, 60),
            self._archiving,
            _Task(self.statistics, STATISTICS_S),
        ]

    def run(self, stop: Event) -> None:
        """Look and act until `stop` is set. A task that fails is tried again at its next turn."""
        while not stop.is_set():
            began = time.monotonic()
            self.round(stop)
            stop.wait(max(0.05, began + LOOK_EVERY_S - time.monotonic()))
        self._attempt(_Task(self._mark_stopped, 0))

    def round(self, stop: Event) -> None:
        """One look, and the tasks whose turn it is and that have something to do."""
        self._seen = None
        for task in [_Task(self.look, LOOK_EVERY_S), *self._tasks]:
            if task.at <= time.monotonic() and not stop.is_set():
                self._attempt(task)

    def look(self) -> None:
        with self._database.connection() as connection:
            self._seen = due.look(
                connection,
                self._registration.id,
                this_host(),
                silence_ms=self._settings.worker_lock_duration,
                age_ms=ABSENT_AFTER_MS,
                done=self._to_note(),
            )
            if not self._seen.is_registered:
                workers.register(connection, self._registration)
        self._on_look(self._seen)

    def succeeded(self, task: str) -> None:
        """A task did its work, or found that there is nothing to do. Any thread may say so."""
        self._done.add(task)

    def _to_note(self) -> set[str]:
        if time.monotonic() < self._note_at:
            return set()
        self._note_at = time.monotonic() + NOTE_EVERY_S
        done, self._done = self._done, set()
        return done

    def reap_dead(self) -> None:
        reap_dead(self._database, self._transport, self._settings)

    def rescue(self) -> None:
        if not self._was_blind():
            rescue(self._database, self._settings)

    def expire(self) -> None:
        with self._database.connection() as connection:
            dispatch.expire(connection)

    def workflows(self) -> None:
        """Dispatching settles too, and passes over an error; here it is logged."""
        with self._database.connection() as connection:
            workflows.cancel_overdue(connection)
            workflows.settle(connection)

    def holds(self) -> None:
        with self._database.connection() as connection:
            graphs.release_holds(connection)

    def bulk_changes(self) -> None:
        """Some jobs at a time, for the other tasks wait meanwhile."""
        # Imported late: it is rare, and needs much.
        from aeon_jobs.persistence.admin import bulk_changes

        bulk_changes.go_on(self._database, BULK_CHANGES_S)

    def silent(self) -> None:
        """Take back what frozen or partitioned processes had fetched. `rescue` takes their running jobs."""
        if self._was_blind():
            return
        with self._database.connection() as connection:
            self._silent += workers.mark_silent(connection, self._settings.worker_lock_duration)
        # Each process is marked once. So it stays in the list until Redis answers.
        take_back_fetched(self._database, self._transport, self._silent)
        self._silent = []

    def abandoned(self) -> None:
        """After the last worker of a lane stopped, died, or came back with other job types."""
        if self._was_blind():
            return
        with self._database.connection() as connection:
            live = {lane.name for lane in dispatch.lanes(connection, self._settings.worker_lock_duration)}
        for lane in set(self._transport.lanes()) - live:
            if ids := self._transport.messages_of(lane):
                self._take_back(ids)
                crash("lane.taken_back")
                self._transport.forget(lane, ids)
            else:
                self._transport.drop_lane(lane)

    def reconcile(self) -> None:
        with self._database.connection() as connection:
            waiting = dispatch.queued_since(connection, ABSENT_AFTER_MS)
        if not waiting:
            return
        if lost := self._transport.absent(waiting):
            _log.warning("Redis lost queued jobs: they are dispatched again", jobs=len(lost))
        stale = [entry for entry in waiting if entry.age_ms > STALE_AFTER_MS]
        self._take_back([entry.message_id for entry in [*lost, *stale]])
        for lane in self._transport.lanes() if stale else ():
            self._transport.forget(lane, [entry.message_id for entry in stale])

    def maintain(self) -> None:
        for queue in self._seen.queues if self._seen else ():
            self._maintainer.do_qsize(queue)

    def forget(self) -> None:
        with self._database.connection() as connection:
            workers.forget(connection, FORGET_AFTER_MS)
            limits.forget(connection)
            if days := self._settings.job_retention_days:
                workflows.forget(connection, days)
            if days := self._settings.schedule_history_days:
                history.forget(connection, days)

    def archive(self) -> None:
        """A little at a time, for the other tasks wait meanwhile. What is left is gone on with at the next round."""
        with self._database.connection() as connection:
            moved = self._archive_pass.go_on(connection, ARCHIVE_S)
        if moved.total:
            _log.debug("archived", **{name: getattr(moved, name) for name in ("jobs", "dead_letters", "audit_entries")})
        if not moved.is_done:
            self._archiving.at = 0.0

    def partitions(self) -> None:
        """Months of the archive: made ahead, dropped when their days are over."""
        with self._database.connection() as connection:
            partitions.add_ahead(connection)
            dropped = partitions.drop_old(connection, days) if (days := self._retention.archive) else []
        if dropped:
            _log.info("archive forgotten", partitions=dropped)

    def statistics(self) -> None:
        """Of several dispatchers, the one that comes first in a span of 10 seconds does it."""
        began = time.monotonic()
        with self._database.connection() as connection:
            statistics.record(connection, self._settings.worker_lock_duration, with_depths=began >= self._count_at)
        if began >= self._count_at and time.monotonic() - began > SLOW_COUNT_S:
            self._count_at = time.monotonic() + PATIENCE_S

    def _take_back(self, message_ids: list[str]) -> None:
        with self._database.connection() as connection:
            dispatch.take_back(connection, [found for id_ in message_ids if (found := parse_message_id(id_))])

    def _has_abandoned(self, seen: Due) -> bool:
        return bool(set(self._transport.lanes()) - {lane.name for lane in seen.lanes})

    def _was_blind(self) -> bool:
        """Just after an outage of PostgreSQL all heartbeats are old: live processes get time for new ones."""
        return time.monotonic() < self._blind_until

    def _mark_stopped(self) -> None:
        with self._database.connection() as connection:
            workers.change_state(connection, self._registration.id, "stopped")

    def _attempt(self, task: _Task) -> None:
        """After a look that failed, every task counts as needed."""
        try:
            if self._seen is None or task.is_needed(self._seen):
                task.at = time.monotonic() + task.every_s
                task.run()
            self.succeeded(task.run.__name__)
        except (redis.RedisError, SQLAlchemyError) as error:
            if isinstance(error, SQLAlchemyError):
                self._blind_until = time.monotonic() + 2 * self._settings.worker_heartbeat_interval / 1_000
            _log.warning("upkeep waits", task=task.run.__name__, error=str(error).splitlines()[0])
        except Exception:  # noqa: BLE001 (logged; one task must not stop the others)
            _log.exception("upkeep task failed", task=task.run.__name__)


def reap_dead(database: Database, transport: RedisTransport, settings: Settings) -> list[Peer]:
    """Free the jobs of processes of this host that are certainly dead. Any process of ours may do it."""
    with database.connection() as connection:
        dead = [peer for peer in workers.peers_on(connection, this_host()) if is_dead(peer)]
    if not dead:
        return []
    ids = [peer.id for peer in dead]
    while rescue(database, settings, ids):
        pass  # as many at a time as one statement takes
    crash("reaping.rescued")
    take_back_fetched(database, transport, dead)
    crash("reaping.taken_back")
    # Last: if this process dies or loses Redis before, the next one finds the same dead processes.
    with database.connection() as connection:
        reaped = workers.mark_lost(connection, ids)
    if reaped:
        _log.warning("processes died", ids=[peer.id for peer in reaped])
    return reaped


def rescue(database: Database, settings: Settings, dead_workers: list[str] | None = None) -> int:
    """Take back running jobs: of these dead workers, or all whose lease ended. Returns how many, at most 500."""
    with database.connection() as connection:
        rescued = executions.rescue(
            connection,
            dead_workers=dead_workers or [],
            max_deaths=settings.job_max_worker_deaths,
            expired=not dead_workers,
        )
    for job in rescued:
        _log.warning("job rescued", job_id=str(job.id), attempt=job.attempt, lost_by=job.worker_id, status=job.status)
    return len(rescued)


def take_back_fetched(database: Database, transport: RedisTransport, lost: list[Peer]) -> None:
    """Dispatch again, at once, what lost workers had fetched and not started."""
    for peer in lost:
        if peer.broker_id is None or peer.lane is None:
            continue
        ids = transport.fetched_by(peer.broker_id, peer.lane)
        with database.connection() as connection:
            dispatch.take_back(connection, [found for id_ in ids if (found := parse_message_id(id_))])
        transport.forget(peer.lane, ids, peer.broker_id)
