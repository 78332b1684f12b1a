"""A worker and a dispatcher in the process of the test, with job types that the test declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import dramatiq
from dramatiq import Worker

from aeon_jobs.middleware.job import broker as process_broker
from aeon_jobs.middleware.job import job
from aeon_jobs.middleware.transport.broker import JobBroker
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.models import DeadLetterJob, Job, JobStatus
from aeon_jobs.persistence.queue import dead_letters, executions, jobs
from tests.waiting import wait_for


class Harness:
    def __init__(self, broker: JobBroker) -> None:
        self.broker = broker
        self.job: Callable[..., Any] = job

    @property
    def database(self) -> Database:
        return self.broker.database

    @contextmanager
    def working(self, threads: int = 4, queues: set[str] | None = None) -> Iterator[Worker]:
        """A real dramatiq worker. Without a dispatcher process it also dispatches."""
        worker = Worker(self.broker, queues=queues, worker_threads=threads, worker_timeout=100)
        worker.start()
        try:
            yield worker
        finally:
            worker.stop(timeout=20_000)

    def job_of(self, message: dramatiq.Message[Any] | UUID) -> Job:
        with self.database.connection() as connection:
            return jobs.get(connection, _id(message))

    def outcomes(self, message: dramatiq.Message[Any] | UUID) -> list[str]:
        with self.database.connection() as connection:
            return [execution.outcome for execution in executions.of_job(connection, _id(message))]

    def dead_letter(self, message: dramatiq.Message[Any] | UUID) -> DeadLetterJob:
        with self.database.connection() as connection:
            (dead_letter,) = dead_letters.of_job(connection, _id(message))
        return dead_letter

    def finished(self, message: dramatiq.Message[Any] | UUID) -> Job:
        """Wait until the job is final; its row."""

        def look() -> Job | None:
            job = self.job_of(message)
            return job if JobStatus(job.status).is_final else None

        return wait_for(look, f"job {_id(message)} is final")

    def execute(self, sql: str, **parameters: Any) -> list[Any]:
        from sqlalchemy import text

        with self.database.connection() as connection:
            result = connection.execute(text(sql), parameters)
            return list(result.all()) if result.returns_rows else []


def _id(message: dramatiq.Message[Any] | UUID) -> UUID:
    return message if isinstance(message, UUID) else UUID(message.message_id)


@contextmanager
def open_harness() -> Iterator[Harness]:
    """The environment must name the servers (fixture `environment`)."""
    before = dramatiq.broker.global_broker
    process_broker.cache_clear()
    broker = process_broker()
    try:
        yield Harness(broker)
    finally:
        broker.close()
        broker.database.dispose()
        broker.client.close()
        process_broker.cache_clear()
        dramatiq.broker.global_broker = before
