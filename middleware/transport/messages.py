"""What sending a job returns: a message that knows its job's id, and reads its result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from uuid import UUID

from dramatiq import Message, get_broker
from dramatiq.results.errors import ResultFailure, ResultMissing, ResultTimeout

from aeon_jobs.persistence.archive.ended import outcome_of
from aeon_jobs.persistence.core.database import Database, run
from aeon_jobs.persistence.core.errors import JobNotFound, JobNotOver, JobsError
from aeon_jobs.persistence.core.statuses import JobStatus

if TYPE_CHECKING:
    from dramatiq.results import ResultBackend

R = TypeVar("R", covariant=True)

DEFAULT_TIMEOUT_MS = 10_000
"""As dramatiq's."""
_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.02, 0.5


class _NoResultYet(JobNotOver, ResultMissing, ResultTimeout):
    """Also for those who expect dramatiq's own errors, which say `message`."""

    def __init__(self, job_id: UUID, status: str) -> None:
        super().__init__(job_id, status)
        self.message = str(self.args[0])


class JobFailed(JobsError, ResultFailure):
    """The job is over and has no result: `status` is failed or cancelled, `error_message` says why."""

    def __init__(self, job_id: UUID, status: str, error_message: str | None) -> None:
        self.job_id, self.status, self.error_message = job_id, status, error_message
        because = f": {error_message}" if error_message else ""
        super().__init__(f"job {job_id} {'was' if status == 'cancelled' else 'has'} {status}{because}")  # type: ignore[no-untyped-call]


class JobWasCancelled(JobFailed):
    """The job was cancelled; `error_message` is the reason."""


class JobMessage(Message[R], Generic[R]):
    """A message of a job type."""

    @property
    def job_id(self) -> UUID:
        """The job's id; of a message that was not sent yet, an id that no job has."""
        return UUID(self.message_id)

    def was_sent(self, job_id: UUID) -> None:
        """Note the job that it became. Dramatiq's groups ask the messages that they were made of for results."""
        object.__setattr__(self, "message_id", str(job_id))

    def get_result(self, *, backend: ResultBackend | None = None, block: bool = False, timeout: int | None = None) -> R:
        """The job's result, from PostgreSQL.

        Args:
            block: wait until the job is over.
            timeout: how long at most, in milliseconds; 10 s by default.
            backend: read dramatiq's own result backend instead.

        Raises:
            JobNotOver: it has no result yet, or none after `timeout`. Also a ResultMissing and a ResultTimeout of dramatiq's.
            JobFailed: it failed, or was cancelled (JobWasCancelled). Also a ResultFailure of dramatiq's.
            JobNotFound: there is no such job: its transaction is not committed, or its retention has ended.
        """
        if backend is not None:
            return super().get_result(backend=backend, block=block, timeout=timeout)
        for wait_s in _waits(block, timeout):
            found = self._look(is_last=wait_s is None)
            if found is not None:
                return cast(R, found[0])
            time.sleep(wait_s or 0)
        raise AssertionError("unreachable")

    async def result(self, *, timeout: int | None = None) -> R:
        """As `get_result(block=True)`, for asynchronous code: `await message.result()`. With a timeout of 0 it looks once."""
        for wait_s in _waits(True, timeout):
            found = await asyncio.to_thread(self._look, is_last=wait_s is None)
            if found is not None:
                return cast(R, found[0])
            await asyncio.sleep(wait_s or 0)
        raise AssertionError("unreachable")

    def _look(self, *, is_last: bool) -> tuple[Any] | None:
        """The result, in a tuple since it may be None; None if there is none yet and the caller goes on waiting."""
        with _database().connection() as connection:
            row = run(connection, "queue/result_of", {"id": self.job_id}).one_or_none() or outcome_of(
                connection, self.job_id
            )
        if row is None:
            raise JobNotFound(self.job_id)
        match row.status:
            case JobStatus.COMPLETED:
                return (row.result,)
            case JobStatus.FAILED:
                raise JobFailed(self.job_id, row.status, row.error_message)
            case JobStatus.CANCELLED:
                raise JobWasCancelled(self.job_id, row.status, row.cancel_reason)
        if is_last:
            raise _NoResultYet(self.job_id, row.status)
        return None


def _waits(block: bool, timeout_ms: int | None) -> Iterator[float | None]:
    """Seconds to wait after each look; None after the last one."""
    deadline = time.monotonic() + ((DEFAULT_TIMEOUT_MS if timeout_ms is None else timeout_ms) / 1_000 if block else 0)
    wait_s = _FIRST_LOOK_S
    while (left_s := deadline - time.monotonic()) > 0:
        yield min(wait_s, left_s)
        wait_s = min(wait_s * 1.5, _LONGEST_LOOK_S)
    yield None


def _database() -> Database:
    database: Database | None = getattr(get_broker(), "database", None)
    if database is None:
        raise RuntimeError("dramatiq's broker is not that of aeon-jobs: another one was set in this process")
    return database
