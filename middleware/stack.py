"""The middleware, in order. Before-hooks run top-down, after-hooks bottom-up.

Waking          wakes the consumers; stands first because it only boots and stops
AsyncHandlers   the event loop of async handlers; stops last but one, after the releases
Logging         adds the job to the log context of all below, including the record
KeepsLogs       boots before a handler can log, and ends after the last one
State           before: begins what the consumer claimed. after: records, so it is above all that decide the verdict
Tracing         before: begins the span of the attempt, once the job is known. after: ends it, with the verdict. Only if wanted
integrations    for the same reasons in the same place
Retries         after: turns an exception into a verdict, before State writes it
Deadline        before: arms late, after the claim took its time. after: disarms before anything else can be interrupted
Heartbeat       boots before Cancellation, which uses it
Cancellation
Shutdown        the last to boot and the first to stop
DispatcherRole
Isolation       boots the fork server when a job type wants it; nothing depends on its place
"""

from __future__ import annotations

from uuid import uuid4

from dramatiq import Broker, Worker
from dramatiq.middleware import Middleware
from redis import Redis

from aeon_jobs.middleware import integrations, smoke_job
from aeon_jobs.middleware.dispatch import schedule_tick
from aeon_jobs.middleware.dispatch.role import DispatcherRole
from aeon_jobs.middleware.execution.async_handlers import AsyncHandlers
from aeon_jobs.middleware.execution.cancellation import Cancellation
from aeon_jobs.middleware.execution.claims import Claims
from aeon_jobs.middleware.execution.deadline import Deadline
from aeon_jobs.middleware.execution.heartbeat import Heartbeat
from aeon_jobs.middleware.execution.isolation import Isolation
from aeon_jobs.middleware.execution.job_logs import KeepsLogs
from aeon_jobs.middleware.execution.logging import Logging, configure_logging, configure_process
from aeon_jobs.middleware.execution.recorder import Recorder
from aeon_jobs.middleware.execution.retries import Retries
from aeon_jobs.middleware.execution.running import Running
from aeon_jobs.middleware.execution.shutdown import Shutdown
from aeon_jobs.middleware.execution.state import State
from aeon_jobs.middleware.transport.broker import JobBroker
from aeon_jobs.middleware.transport.redis_transport import RedisTransport
from aeon_jobs.persistence.core import tracing
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.hints import Hints


class Waking(Middleware):
    """Wakes this process's consumers when something was pushed, and sets the prefetch to what its threads can take."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def after_process_boot(self, broker: Broker) -> None:
        # By dramatiq's command line: the process is ours. In a bare one, earlier lines are in dramatiq's own format.
        configure_process(self._settings, "worker")
        # The broker may have been made before a fork, and its siblings have the same.
        broker.broker_id = str(uuid4())  # type: ignore[attr-defined]

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        assert isinstance(broker, JobBroker)
        # Every worker must know the tick: all groups of workers read its queue.
        schedule_tick.declare(broker)
        smoke_job.declare(broker)
        if worker.consumer_whitelist:
            worker.consumer_whitelist.add(smoke_job.QUEUE)
        configure_logging(self._settings, "worker")
        # No more: a message that this process cannot start now may be started by another one.
        worker.queue_prefetch = worker.worker_threads
        broker.join_lane(worker.consumer_whitelist or broker.job_queues)
        if worker.consumer_whitelist and broker.lane:
            worker.consumer_whitelist.add(broker.lane)
        worker.worker_timeout = self._settings.worker_poll_interval
        broker.listen()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        assert isinstance(broker, JobBroker)
        broker.wakeup.close()


def stack(settings: Settings, database: Database, hints: Hints, client: Redis) -> list[Middleware]:
    """The ordered list; the reasons stand at the top of this module."""
    transport = RedisTransport(client, settings.redis_queue_prefix)
    running = Running()
    recorder = Recorder(database, settings)
    deadline = Deadline(recorder, running, settings)
    # A connection of its own: if handlers use all others, their leases must be renewed all the same.
    lifeline = Database(settings.postgres_dsn, schema=settings.job_schema, pool_size=1)
    heartbeat = Heartbeat(lifeline, hints, running, recorder, deadline, settings)
    return [
        Waking(settings),
        AsyncHandlers(),
        Logging(),
        KeepsLogs(database),
        State(Claims(database, hints, recorder, running), recorder, running),
        *_tracing(settings),
        *(make() for make in integrations.middleware),
        Retries(),
        deadline,
        heartbeat,
        Cancellation(database, hints, running, heartbeat),
        Shutdown(recorder, running),
        DispatcherRole(database, transport, settings),
        Isolation(),
    ]


def _tracing(settings: Settings) -> list[Middleware]:
    if not (tracer := tracing.tracer(settings)):
        return []
    # It imports OpenTelemetry.
    from aeon_jobs.middleware.execution.tracing import Tracing

    return [Tracing(tracer, settings)]
