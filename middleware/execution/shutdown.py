"""Leave without losing anything.

1. TERM: fetching stops at once, and jobs that were claimed but not begun are given back.
2. Running jobs go on until --worker-shutdown-timeout. Iterations (`CurrentJob.iterate`) stop after their item: the job is
   given back.
3. Those still running then are released: back to pending, no retry used, before the process is gone.
"""

from __future__ import annotations

from collections import defaultdict
from queue import Empty
from typing import Any

import structlog
from dramatiq import Broker, Worker
from dramatiq.middleware import Middleware
from sqlalchemy.exc import SQLAlchemyError

from aeon_jobs.middleware.execution.outcomes import LeaseLost
from aeon_jobs.middleware.execution.recorder import Recorder
from aeon_jobs.middleware.execution.running import CurrentJob, Running
from aeon_jobs.middleware.execution.state import settle
from aeon_jobs.persistence.queue import states

_log = structlog.get_logger(__name__)


class Shutdown(Middleware):
    def __init__(self, recorder: Recorder, running: Running) -> None:
        self._recorder = recorder
        self._running = running

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        # A program may run one worker after the other, as tests do.
        broker.is_stopping = False  # type: ignore[attr-defined]
        self._running.stopping.clear()
        self._recorder.gave_up.clear()

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        broker.is_stopping = True  # type: ignore[attr-defined]
        self._running.stopping.set()
        waiting: defaultdict[str, list[Any]] = defaultdict(list)
        try:
            while True:
                message = worker.work_queue.get_nowait().message
                waiting[message.queue_name].append(message)
        except Empty:
            pass
        for queue, messages in waiting.items():
            worker.consumers[queue].requeue_messages(messages)
        _log.info("stopping", given_back=sum(map(len, waiting.values())), running=len(self._running.in_threads()))

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        # No more retries while the database is down: jobs that cannot be released are free when their lease ends.
        self._recorder.gave_up.set()
        for job in self._running.every():
            if job.verdict is None:
                # Told first: a handler at the end of its transaction must not complete what is given back here.
                job.interrupt(LeaseLost)
                job.verdict = states.released("the worker was stopped")
                self._release(job)

    def _release(self, job: CurrentJob) -> None:
        try:
            settle(self._recorder, job)
            _log.warning("job released unfinished", job_id=str(job.id))
        except SQLAlchemyError as error:
            _log.warning("job not released", job_id=str(job.id), error=str(error).splitlines()[0])
