"""The broker: dramatiq's own for ordinary actors, one INSERT for jobs.

1. `actor.send(…)` builds a message and hands it to `enqueue`, as in any dramatiq program.
2. A job's message becomes a row in PostgreSQL, in the caller's transaction if a session came along. Nothing goes to Redis.
3. The dispatcher pushes it when it is its turn (`redis_transport`), into the lane of workers that can run it. The one
   LaneConsumer of a worker process fetches it.
4. An ordinary actor's message takes dramatiq's own path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from typing import Any
from uuid import UUID

import redis
import structlog
from dramatiq import Actor, Message, MessageProxy
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.redis import _RedisConsumer as PollingConsumer
from dramatiq.middleware import Middleware
from sqlalchemy import Connection, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from aeon_jobs.middleware.execution.definitions import Definition
from aeon_jobs.middleware.transport.consumer import LaneConsumer
from aeon_jobs.middleware.transport.prefetch import PrefetchBuffer
from aeon_jobs.middleware.transport.redis_transport import script
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.database import Database, borrowed
from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.hints import Hints
from aeon_jobs.persistence.queue import dispatch, job_types, jobs

_log = structlog.get_logger(__name__)

#: Options of send_with_options that a job understands; they are the fields of NewJob, and `session`.
JOB_OPTIONS = {
    "priority",
    "max_retries",
    "timeout_ms",
    "queue_name",
    "scheduled_at",
    "metadata",
    "created_by",
    "idempotency_key",
    "idempotency_window_s",
    "depends_on",
    "on_dependency_failure",
    "traceparent",
    "tracestate",
}


class JobBroker(RedisBroker):
    def __init__(
        self,
        client: redis.Redis,
        database: Database,
        hints: Hints,
        *,
        namespace: str,
        middleware: list[Middleware],
    ) -> None:
        # Maintenance is the dispatcher's: a worker never scans for dead peers in the middle of a fetch.
        super().__init__(client=client, namespace=namespace, middleware=middleware, maintenance_chance=0)  # type: ignore[no-untyped-call]
        self.database = database
        self.hints = hints
        self.lane: str | None = None
        """Where the jobs are that this worker process can run; None outside of a worker."""
        self.job_queues: set[str] = set()
        """Queues of the job types that were declared. dramatiq knows nothing of them: it would start threads for each."""
        self.prefetched = PrefetchBuffer()
        self.consumer_wake = Event()
        self.is_quiet = False
        """Finish what runs, and fetch nothing new."""
        self.introduced: set[str] = set()
        """Job types of this process that the registry knows."""
        self.is_stopping = False
        self._fetch = client.register_script(script("fetch"))

    @property
    def definitions(self) -> dict[str, Definition]:
        """The job types of this process, by name."""
        found = {name: actor.options.get("definition") for name, actor in self.actors.items()}
        return {name: definition for name, definition in found.items() if definition}

    def is_job(self, message: Message[Any] | MessageProxy) -> bool:
        """Whether the message is a dispatch of a job, known here or not."""
        return dispatch.parse_message_id(message.options.get("redis_message_id", "")) is not None

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Submit a job, or send an ordinary message. `delay` in milliseconds.

        Returns the message; a job's has the job's id as its message_id.

        Raises:
            InvalidJob: names every field at fault. Nothing was stored.
            IdempotencyConflict: the key belongs to a job with another payload.
        """
        definition = self.definitions.get(message.actor_name)
        if definition is None:
            return super().enqueue(message, delay=delay)
        self._introduce(definition)
        session = message.options.get("session")
        new = _new_job(definition, message, delay)
        self.emit_before("enqueue", message, delay)
        with self._connection(session, new) as connection:
            submitted = jobs.submit(connection, new, definition)
        if session is None:
            crash("submit.committed")
            self.hints.job_ready()
        self.emit_after("enqueue", message, delay)
        options = {name: value for name, value in message.options.items() if name != "session"}
        return Message(
            queue_name=message.queue_name,
            actor_name=message.actor_name,
            args=message.args,
            kwargs=message.kwargs,
            options=options,
            message_id=str(submitted.id),
        )

    def declare_actor(self, actor: Actor[Any, Any]) -> None:
        """An ordinary actor as ever; a job type without a dramatiq queue, for its messages are in a lane."""
        if "definition" not in actor.options:
            super().declare_actor(actor)
            return
        self.emit_before("declare_actor", actor)
        self.job_queues.add(actor.queue_name)
        self.actors[actor.actor_name] = actor
        self.emit_after("declare_actor", actor)

    def join_lane(self, queues: Iterable[str]) -> None:
        """Take the lane of workers that serve `queues` and know this process's job types; none without job types."""
        self.queues.discard(self.lane or "")
        self.lane = None
        served = self.job_queues.intersection(queues)
        if job_types := [name for name, definition in self.definitions.items() if definition.queue_name in served]:
            self.lane = dispatch.lane_name(served, job_types)
            self.queues.add(self.lane)

    def can_run(self, job_type: str) -> bool:
        return job_type in self.actors

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5_000) -> Any:
        if queue_name == self.lane:
            return LaneConsumer(self, queue_name, prefetch, timeout)
        return PollingConsumer(self, queue_name, prefetch, timeout)  # type: ignore[no-untyped-call]

    def ack_and_fetch(self, lane: str, done: Sequence[str], count: int, now_ms: int) -> list[Any]:
        """Ack the messages that are done, and fetch up to `count` new ones, as id, body, id, body …"""
        name = f"{self.namespace}:{lane}"
        acks = f"{self.namespace}:__acks__.{self.broker_id}.{lane}"
        keys = [name, f"{name}.msgs", acks, f"{self.namespace}:__heartbeats__"]
        answer: list[Any] = self._fetch(keys=keys, args=[now_ms, self.broker_id, lane, count, *done])
        return answer

    def give_back(self, lane: str, message_ids: Sequence[str]) -> None:
        """Messages that were fetched and not begun: for other workers of the lane."""
        self.do_requeue(lane, *message_ids)

    def wake(self, lane: str | None = None) -> None:
        """There may be something to fetch in `lane`; None is any lane."""
        if lane in (None, self.lane):
            self.consumer_wake.set()

    def give_up(self, queue_name: str, message_id: str, why: str) -> None:
        """A message that cannot be used. A job's is taken back, to be dispatched anew; another goes to dramatiq's .XQ."""
        _log.error("unusable message", queue=queue_name, message_id=message_id, error=why)
        try:
            if found := dispatch.parse_message_id(message_id):
                with self.database.connection() as connection:
                    dispatch.take_back(connection, [found])
                self.do_ack(queue_name, message_id)
            else:
                self.do_nack(queue_name, message_id)
        except Exception as error:  # noqa: BLE001 (the consumer must go on; reconcile finds the job again)
            _log.warning("unreadable message not settled", message_id=message_id, error=str(error))

    def _introduce(self, definition: Definition) -> None:
        """Deploys may bring a new job type to producers first: workers that do not know it pass on what the registry knows.

        On a connection of our own: in the caller's transaction it would keep others of the type waiting for its end.
        """
        if definition.name in self.introduced:
            return
        self.introduced.add(definition.name)
        try:
            with self.database.connection() as connection:
                job_types.introduce(connection, definition)
        except SQLAlchemyError as error:
            _log.debug("job type not introduced", job_type=definition.name, error=str(error).splitlines()[0])

    def _wake_after_commit(self, session: Session) -> None:
        """Wake the dispatcher at the session's next commit, once for all that it sends."""
        if session.info.setdefault("aeon_jobs_wakes", False):
            return

        def ring(session: Session) -> None:
            session.info["aeon_jobs_wakes"] = False
            self.hints.job_ready()

        session.info["aeon_jobs_wakes"] = True
        event.listen(session, "after_commit", ring, once=True)

    @contextmanager
    def _connection(self, session: Session | Connection | None, new: jobs.NewJob) -> Iterator[Connection]:
        if session is None:
            # A single statement needs no transaction around it, which saves two round trips.
            with self.database.transaction() if new.depends_on else self.database.connection() as connection:
                yield connection
            return
        connection = session.connection() if isinstance(session, Session) else session
        if isinstance(session, Session):
            self._wake_after_commit(session)
        with borrowed(connection, self.database.schema):
            yield connection


def _new_job(definition: Definition, message: Message[Any], delay_ms: int | None) -> jobs.NewJob:
    options = {name: value for name, value in message.options.items() if name not in ("session", "redis_message_id")}
    if unknown := sorted(set(options) - JOB_OPTIONS):
        raise InvalidJob([Violation(name, "is no option of a job") for name in unknown])
    if "depends_on" in options:
        options["depends_on"] = [_job_id(parent) for parent in options["depends_on"]]
    payload = definition.payload(message.args, message.kwargs)
    return jobs.NewJob(job_type=definition.name, payload=payload, delay_ms=delay_ms, **options)


def _job_id(parent: Any) -> UUID:
    """A job id, given as UUID, text, or the message that sending returned."""
    try:
        return UUID(str(getattr(parent, "message_id", parent)))
    except ValueError:
        raise InvalidJob.at("depends_on", f"{parent!r:.80} is no job id") from None
