"""The broker: dramatiq's own for ordinary actors, one INSERT for jobs.

1. `actor.send(…)` builds a message and hands it to `enqueue`, as in any dramatiq program.
2. A job's message becomes a row in PostgreSQL, in the caller's transaction if a session came along. Nothing goes to Redis.
3. The dispatcher pushes it when it is its turn (`redis_transport`), into the lane of workers that can run it. The one
   LaneConsumer of a worker process fetches it.
4. An ordinary actor's message takes dramatiq's own path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

import redis
from dramatiq import Actor, Message, MessageProxy
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.redis import _RedisConsumer as PollingConsumer
from dramatiq.middleware import Middleware, MiddlewareError

from aeon_jobs.middleware import integrations
from aeon_jobs.middleware.execution.definitions import Definition
from aeon_jobs.middleware.integrations import Publisher, Submission, publishing
from aeon_jobs.middleware.transport import pipelines
from aeon_jobs.middleware.transport.consumer import ClaimSource, LaneConsumer
from aeon_jobs.middleware.transport.messages import JobMessage
from aeon_jobs.middleware.transport.outgoing import Arguments, Outgoing
from aeon_jobs.middleware.transport.prefetch import PrefetchBuffer
from aeon_jobs.middleware.transport.redis_transport import script
from aeon_jobs.middleware.transport.steps import submission_of, traced
from aeon_jobs.middleware.transport.submission import Submitter
from aeon_jobs.middleware.transport.wakeup import Wakeup
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.logs import Logger
from aeon_jobs.persistence.hints import Hints
from aeon_jobs.persistence.queue import dispatch
from aeon_jobs.persistence.queue.submissions import Submitted

if TYPE_CHECKING:
    from dramatiq.results import ResultBackend

    from aeon_jobs.persistence.core.spans import Tracer
    from aeon_jobs.persistence.queue.graphs import NewStep
    from aeon_jobs.persistence.queue.workflows import NewWorkflow
    from aeon_jobs.persistence.schedules.declared import Declaration

Hook = Callable[..., Any]

_log = Logger(__name__)

#: What a producer does. The worker's middleware takes no part in it, so it is not loaded.
_PRODUCING = {"declare_actor", "declare_queue", "declare_delay_queue", "enqueue"}


class JobBroker(RedisBroker):
    def __init__(
        self,
        client: redis.Redis,
        database: Database,
        hints: Hints,
        *,
        namespace: str,
        middleware: Callable[[], list[Middleware]],
        tracer: Tracer | None = None,
    ) -> None:
        """`middleware` makes the worker's middleware. It is called when a worker boots, or when middleware is added."""
        self._middleware: list[Middleware] = []
        self._make_middleware: Callable[[], list[Middleware]] | None = None
        self._hooks_of: dict[str, list[Hook]] = {}
        # Maintenance is the dispatcher's: a worker never scans for dead peers in the middle of a fetch.
        super().__init__(client=client, namespace=namespace, middleware=[], maintenance_chance=0)  # type: ignore[no-untyped-call]
        self._make_middleware = middleware
        self.actor_options |= {"definition", "periodic"}
        self.database = database
        self.hints = hints
        self.tracer = tracer
        self._publishers = [*_trace_publisher(tracer), *integrations.publishers]
        """What takes part in sending; most processes have none."""
        self.lane: str | None = None
        """The lane of this worker process; None in other processes."""
        self.job_queues: set[str] = set()
        """Queues of the declared job types. dramatiq does not know them: it would start a thread for each."""
        self.schedules: dict[str, Declaration] = {}
        """Declared in code, by name."""
        self.prefetched = PrefetchBuffer()
        self.is_registered = False
        """PostgreSQL knows this worker: after its death, others take back what it had fetched."""
        self.is_quiet = False
        """Finish what runs, and fetch nothing new."""
        self._submitter = Submitter(database, hints)
        self.introduced = self._submitter.introduced
        """Job types of this process that the registry knows."""
        self.is_stopping = False
        self.claims: ClaimSource | None = None
        """Of a worker that has booted."""
        self._fetch = client.register_script(script("wake", "fetch"))

    @property
    def middleware(self) -> list[Middleware]:
        if make := self._make_middleware:
            self._make_middleware = None
            for middleware in make():
                super().add_middleware(middleware)
        return self._middleware

    @middleware.setter
    def middleware(self, middleware: list[Middleware]) -> None:
        self._middleware = middleware

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        for hook in self._hooks(signal, "before"):
            try:
                hook(self, *args, **kwargs)
            except MiddlewareError:
                raise
            except Exception:
                self.logger.critical("Unexpected failure of %s of %r.", signal, hook, exc_info=True)

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        for hook in reversed(self._hooks(signal, "after")):
            try:
                hook(self, *args, **kwargs)
            except Exception:
                self.logger.critical("Unexpected failure of %s of %r.", signal, hook, exc_info=True)

    def add_middleware(self, middleware: Middleware, **place: Any) -> None:
        super().add_middleware(middleware, **place)
        self._hooks_of.clear()

    def _hooks(self, signal: str, when: str) -> list[Hook]:
        """The hooks of the middleware that has some. Each job emits eight signals, and few of them mean anything to most."""
        if self._make_middleware is not None and signal in _PRODUCING:
            return []
        name = f"{when}_{signal}"
        if name not in self._hooks_of:
            hooks = [getattr(middleware, name) for middleware in self.middleware]
            nothing = getattr(Middleware, name)
            self._hooks_of[name] = [hook for hook in hooks if getattr(hook, "__func__", hook) is not nothing]
        return self._hooks_of[name]

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
        actor = self.actors.get(message.actor_name)
        definition = actor.options.get("definition") if actor else None
        if definition is None:
            return super().enqueue(message, delay=delay)
        self.emit_before("enqueue", message, delay)
        if "pipe_target" in message.options:
            job_id = pipelines.submit(self, message, delay)
        else:
            job_id = self._submit(definition, message, delay).id
        self.emit_after("enqueue", message, delay)
        if isinstance(message, JobMessage):
            message.was_sent(job_id)
        options = {name: value for name, value in message.options.items() if name != "session"}
        return JobMessage(
            queue_name=message.queue_name,
            actor_name=message.actor_name,
            args=message.args,
            kwargs=message.kwargs,
            options=options,
            message_id=str(job_id),
        )

    def enqueue_many(
        self, definition: Definition, given: Iterable[Arguments | Message[Any]], options: Mapping[str, Any]
    ) -> list[UUID]:
        """Submit many jobs, all or none; their ids stand in the order of the jobs.

        Args:
            given: read as it is stored. Each is arguments for the job type of `definition`, or a message of any.
            options: of all of them; those of a message come before.

        Raises:
            InvalidJob: its fields are prefixed with the place, e.g. ``jobs[17].payload.to``. Nothing was stored.
            IdempotencyConflict: a key belongs to a job with another payload.
        """
        if not self._publishers:
            return self._submit_many(definition, given, options)
        submission = Submission(definition.name, _queue(definition, options), options, is_batch=True)
        with publishing(self._publishers, submission):
            submission.ids = self._submit_many(definition, given, submission.options)
        return submission.ids

    def introduce(self, definition: Definition) -> None:
        """Register the job type if no worker has."""
        self._submitter.introduce(definition)

    def submit_workflow(
        self, new: NewWorkflow, steps: Sequence[NewStep], session: Any = None
    ) -> tuple[UUID, dict[str, UUID], bool]:
        """Store a workflow and its steps: its id, the ids of its jobs by the names of steps, and whether it is new.

        Raises:
            InvalidJob
        """
        if not self._publishers:
            return self._submitter.submit_workflow(new, steps, self.definitions, session)
        submission = submission_of(steps, self.definitions, new.name)
        with publishing(self._publishers, submission):
            steps = traced(steps, submission)
            stored = self._submitter.submit_workflow(new, steps, self.definitions, session)
            submission.workflow_id, jobs, submission.is_new = stored
            submission.ids = list(jobs.values())
        return stored

    def add_steps(self, job_id: UUID, attempt: int, steps: Sequence[NewStep], session: Any = None) -> dict[str, UUID]:
        """Put steps into the workflow of a running step.

        Raises:
            InvalidJob, WrongState
        """
        if not self._publishers:
            return self._submitter.add_steps(job_id, attempt, steps, self.definitions, session)
        submission = submission_of(steps, self.definitions)
        with publishing(self._publishers, submission):
            steps = traced(steps, submission)
            jobs = self._submitter.add_steps(job_id, attempt, steps, self.definitions, session)
            submission.ids = list(jobs.values())
        return jobs

    def _submit(self, definition: Definition, message: Message[Any], delay: int | None) -> Submitted:
        if not self._publishers:
            return self._submitter.submit(definition, message, delay)
        submission = Submission(definition.name, _queue(definition, message.options), message.options)
        with publishing(self._publishers, submission):
            traced = message.copy(options=submission.options)
            submitted = self._submitter.submit(definition, traced, delay)
            submission.ids, submission.is_new = [submitted.id], submitted.is_new
        return submitted

    def _submit_many(
        self, definition: Definition, given: Iterable[Arguments | Message[Any]], options: Mapping[str, Any]
    ) -> list[UUID]:
        outgoing = Outgoing(definition, options, self.definitions)
        return self._submitter.submit_many(given, outgoing, options.get("session"))

    def get_results_backend(self) -> ResultBackend:
        """For dramatiq's pipelines and groups: PostgreSQL has results of jobs, the middleware `Results` those of others."""
        from aeon_jobs.middleware.transport.results import JobResults

        try:
            own = super().get_results_backend()
        except RuntimeError:
            own = None
        return JobResults(own)

    def declare_actor(self, actor: Actor[Any, Any]) -> None:
        """An ordinary actor is declared as in dramatiq. A job type has no queue in dramatiq: its messages are in a lane."""
        if "definition" not in actor.options:
            super().declare_actor(actor)
            return
        self.emit_before("declare_actor", actor)
        self.job_queues.add(actor.queue_name)
        self.actors[actor.actor_name] = actor
        self.emit_after("declare_actor", actor)

    def join_lane(self, queues: Iterable[str]) -> None:
        """Take the lane of workers that serve `queues` and know this process's job types; none without job types.

        A job may be sent to another queue than its type's own, so the process runs every type that it knows in all of them.
        """
        self.queues.discard(self.lane or "")
        self.lane = None
        if self.definitions:
            self.lane = dispatch.lane_name(queues, self.definitions)
            self.queues.add(self.lane)

    def can_run(self, job_type: str) -> bool:
        return job_type in self.actors

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5_000) -> Any:
        if queue_name == self.lane:
            return LaneConsumer(self, queue_name, prefetch, timeout)
        return PollingConsumer(self, queue_name, prefetch, timeout)  # type: ignore[no-untyped-call]

    def ack_and_fetch(self, lane: str, done: Sequence[str], count: int, now_ms: int, held: int = 0) -> list[Any]:
        """Ack the messages that are done, and fetch the ids of up to `count` new ones. `held`: how many it has already."""
        name = f"{self.namespace}:{lane}"
        acks = f"{self.namespace}:__acks__.{self.broker_id}.{lane}"
        keys = [name, f"{name}.msgs", acks, f"{self.namespace}:__heartbeats__", f"{name}.waiting"]
        channel = f"{self.namespace}:fetch"
        answer: list[Any] = self._fetch(keys=keys, args=[now_ms, self.broker_id, count, channel, held, *done])
        return answer

    @cached_property
    def wakeup(self) -> Wakeup:
        """Wakes the consumer of the lane."""
        return Wakeup()

    def listen(self) -> None:
        """Be woken when something is pushed to the lane. A worker that found none waits for it, and is woken itself; all are
        woken if none is known to wait."""
        fetch = f"{self.namespace}:fetch"
        self.wakeup.listen(self.client, f"{fetch}:{self.broker_id}", f"{fetch}:{self.lane}")

    def give_up(self, queue_name: str, message_id: str, why: str) -> None:
        """Settle a message that cannot be used. Its job is dispatched again; an ordinary message goes to dramatiq's .XQ."""
        _log.error("unusable message", queue=queue_name, message_id=message_id, error=why)
        try:
            if found := dispatch.parse_message_id(message_id):
                with self.database.connection() as connection:
                    dispatch.take_back(connection, [found])
                self.do_ack(queue_name, message_id)
            else:
                self.do_nack(queue_name, message_id)
        except Exception as error:  # noqa: BLE001 (the consumer must go on; reconcile finds the job again)
            _log.warning("unusable message not settled", message_id=message_id, error=str(error))


def _trace_publisher(tracer: Tracer | None) -> list[Publisher]:
    if tracer is None:
        return []
    # It imports OpenTelemetry.
    from aeon_jobs.middleware.transport.tracing import TracePublisher

    return [TracePublisher(tracer)]


def _queue(definition: Definition, options: Mapping[str, Any]) -> str:
    return options.get("queue_name") or definition.queue_name
