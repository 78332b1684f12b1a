"""Begin a claimed job before its handler runs, record its outcome after it: the only middleware that changes a job's state.

No ordinary exception leaves these hooks: dramatiq would log it, run the handler without a claim and ack without a record.
"""

from __future__ import annotations

import time
from threading import Event

import structlog
from dramatiq import Broker, MessageProxy, Worker
from dramatiq.middleware import Middleware, SkipMessage

from aeon_jobs.middleware.execution.claims import Claims
from aeon_jobs.middleware.execution.definitions import Definition
from aeon_jobs.middleware.execution.outbox import Won
from aeon_jobs.middleware.execution.recorder import Recorder
from aeon_jobs.middleware.execution.running import CurrentJob, Running, active_job, set_current
from aeon_jobs.middleware.transport.prefetch import PrefetchBuffer
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.queue import dispatch, states
from aeon_jobs.persistence.queue.executions import Ended
from aeon_jobs.persistence.queue.states import Failure

_log = structlog.get_logger(__name__)


class State(Middleware):
    def __init__(self, claims: Claims, recorder: Recorder, running: Running) -> None:
        self._claims = claims
        self._recorder = recorder
        self._running = running
        self._has_freed_places = False

    @property
    def actor_options(self) -> set[str]:
        return {"definition"}

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        broker.claims = self._claims  # type: ignore[attr-defined]
        self._recorder.outbox.open(worker.worker_threads, lambda: self._tell_of_places(broker))

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        self._recorder.outbox.close()

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """
        Raises:
            SkipMessage: the job was given back; the message is done with.
        """
        found = dispatch.parse_message_id(message.options.get("redis_message_id", ""))
        if found is None:
            return
        job = self._claims.begin(found)
        if job is None:
            raise SkipMessage("the job was given back")
        assert job.claimed is not None
        set_current(job)
        structlog.contextvars.bind_contextvars(attempt=job.attempt)
        # The transport carries no payload: the handler's arguments come with the claim.
        message.kwargs.update(job.claimed.payload)

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        job = active_job()
        if job is None:
            return
        set_current(None)
        job.tell_last()
        message_id = message.options["redis_message_id"]
        buffer: PrefetchBuffer = broker.prefetched  # type: ignore[attr-defined]
        definition: Definition = broker.get_actor(message.actor_name).options["definition"]

        def recorded(won: Won) -> None:
            crash("record.committed")
            self._running.remove(job)
            if won is False:
                _say_superseded(job)
            if definition.limits:
                self._has_freed_places = True
            buffer.settle(message_id)
            if buffer.must_ack:
                broker.wakeup.set()  # type: ignore[attr-defined]
            if is_settled:
                is_settled.set()

        is_settled = Event() if definition.waits_for_record else None
        buffer.unrecorded.add(message_id)
        crash("handler.ended")
        if job.is_recorded:
            recorded(won=True)
            self._tell_of_places(broker)
        else:
            self._recorder.post(_end_of(job), recorded)
            if is_settled:
                is_settled.wait()

    def _tell_of_places(self, broker: Broker) -> None:
        """Other jobs may have the places of limits that recorded jobs had: the dispatcher is told once for all of a commit."""
        if self._has_freed_places:
            self._has_freed_places = False
            broker.hints.job_ready()  # type: ignore[attr-defined]


def settle(recorder: Recorder, job: CurrentJob) -> bool:
    """Record the verdict on an attempt now. Fenced: only the first verdict on an attempt counts."""
    won = recorder.record(_end_of(job))
    if not won:
        _say_superseded(job)
    return won


def _end_of(job: CurrentJob) -> Ended:
    assert job.claimed is not None
    verdict = job.verdict or states.failed(
        Failure("NoVerdict", "the attempt ended without a verdict"),
        retries_left=job.claimed.retries_left,
        delay_ms=1_000,
    )
    return Ended.of(job.claimed, verdict, ran_s=time.monotonic() - job.begun_at)


def _say_superseded(job: CurrentJob) -> None:
    outcome = job.verdict.outcome if job.verdict else None
    _log.warning(
        "attempt superseded: another worker has the job", job_id=str(job.id), attempt=job.attempt, outcome=outcome
    )
