"""Claim before a handler runs, record after it: the only middleware that changes a job's state.

No ordinary exception leaves these hooks: dramatiq would log it, run the handler without a claim and ack without a record.
"""

from __future__ import annotations

import structlog
from dramatiq import Broker, MessageProxy
from dramatiq.middleware import Middleware, SkipMessage

from aeon_jobs.middleware.execution.recorder import Recorder
from aeon_jobs.middleware.execution.running import CurrentJob, Running, active_job, set_current
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.hints import Hints
from aeon_jobs.persistence.queue import dispatch, states
from aeon_jobs.persistence.queue.executions import Ended
from aeon_jobs.persistence.queue.states import Failure

_log = structlog.get_logger(__name__)


class State(Middleware):
    def __init__(self, database: Database, hints: Hints, recorder: Recorder, running: Running) -> None:
        self._database = database
        self._hints = hints
        self._recorder = recorder
        self._running = running

    @property
    def actor_options(self) -> set[str]:
        return {"definition"}

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """
        Raises:
            SkipMessage: the dispatch is void, or PostgreSQL cannot be asked; in both cases the message is done with. A job
                that is still queued is found again by the dispatcher.
        """
        found = dispatch.parse_message_id(message.options.get("redis_message_id", ""))
        if found is None:
            return
        try:
            claimed = self._recorder.claim(found)
        except Exception as error:
            _log.warning("job not claimed", job_id=str(found[0]), error=str(error))
            raise SkipMessage("not claimed") from error
        if claimed is None:
            raise SkipMessage("the dispatch is void")
        crash("claim.committed")
        if claimed.attempt > 1 and claimed.retry_count == 0:
            # A flag that outlived the job's earlier life must not meet this one, whose own cancellation stands in Postgres.
            self._hints.lower_cancel_flag(claimed.id)
        job = CurrentJob(claimed, self._database, self._recorder)
        self._running.add(job)
        set_current(job)
        structlog.contextvars.bind_contextvars(attempt=job.attempt)
        # The transport carries no payload: the handler's arguments come with the claim.
        message.kwargs.update(claimed.payload)

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
        try:
            crash("handler.ended")
            settle(self._recorder, job)
            crash("record.committed")
        except Exception:  # noqa: BLE001 (dramatiq would swallow it; logged here with its consequence)
            _log.exception("outcome not recorded: the job will run again when its lease ends")
        finally:
            self._running.remove(job)


def settle(recorder: Recorder, job: CurrentJob) -> bool:
    """Record the verdict on an attempt. Fenced: only the first verdict on an attempt counts."""
    claimed = job.claimed
    assert claimed is not None
    verdict = job.verdict or states.failed(
        Failure("NoVerdict", "the attempt ended without a verdict"),
        retries_left=claimed.retries_left,
        delay_ms=1_000,
    )
    won = recorder.record(Ended.of(claimed, verdict))
    if not won:
        _log.warning("attempt superseded: another worker has the job", outcome=verdict.outcome)
    return won
