"""Batches: many jobs with counters, an end, and jobs that are submitted when they have ended.

    batch = Batch("import", on_success=report.message(day=1)).add_many(parse, ({"n": n} for n in range(100_000))).submit()
    batch.status().completed

    with Batch("import").open() as batch:     # stays open: each add_many is a transaction of its own
        for page in pages():
            batch.add_many(parse, page)

Payloads are read while they are stored: a generator of a million needs little memory. A batch is a workflow without edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast
from uuid import UUID

from dramatiq import Message

from aeon_jobs.middleware.actor import JobActor
from aeon_jobs.middleware.transport.outgoing import Arguments
from aeon_jobs.persistence.admin import audit
from aeon_jobs.persistence.admin.audit import python_name
from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.queue import workflows
from aeon_jobs.persistence.queue.workflows import Callback, NewWorkflow, Workflow

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from aeon_jobs.middleware.transport.broker import JobBroker

_Portion = tuple[JobActor[Any, Any], Iterable[Arguments | Message[Any]], Mapping[str, Any]]


class Batch:
    """A batch to submit. `submit` stores all of it in one transaction; `open` lets jobs be added bit by bit."""

    def __init__(
        self,
        name: str,
        *,
        on_success: Message[Any] | None = None,
        on_failure: Message[Any] | None = None,
        on_finished: Message[Any] | None = None,
        deadline: datetime | timedelta | None = None,
        unique_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        created_by: str | None = None,
    ) -> None:
        """
        Args:
            on_success: ``report.message(day=1)``: submitted when every job completed. Its metadata has the batch.
            on_failure: submitted when all have ended and one failed or was cancelled.
            on_finished: submitted in both cases.
            deadline: what has not ended by then is cancelled.
            unique_key: while a batch of this name and key is not over, submitting it again brings that one back.
        """
        at = datetime.now(UTC) + deadline if isinstance(deadline, timedelta) else deadline
        self._fields: dict[str, Any] = {
            "name": name,
            "deadline_at": at,
            "unique_key": unique_key,
            "metadata": metadata or {},
            "created_by": created_by,
        }
        self._callbacks = {"on_success": on_success, "on_failure": on_failure, "on_finished": on_finished}
        self._portions: list[_Portion] = []

    def add(self, actor: JobActor[Any, Any], /, **arguments: Any) -> Self:
        """One job more."""
        return self.add_many(actor, [arguments])

    def add_many(self, actor: JobActor[Any, Any], jobs: Iterable[Arguments | Message[Any]], **options: Any) -> Self:
        """Many jobs more; `jobs` as for `actor.send_many`, read by `submit`. `options`: as for `actor.options`."""
        self._portions.append((actor, jobs, options))
        return self

    def submit(self) -> OpenBatch:
        """Store the batch and all of its jobs in one transaction, and close it. A unique key may bring another one back.

        Raises:
            InvalidJob: names every field at fault. Nothing was stored.
        """
        return self._store(is_closed=True)

    def open(self) -> OpenBatch:
        """Store it and what was added, and leave it open."""
        return self._store(is_closed=False)

    def _store(self, *, is_closed: bool) -> OpenBatch:
        broker = _broker()
        callbacks: dict[str, Any] = {name: callback(broker, name, message) for name, message in self._callbacks.items()}
        with broker.database.transaction() as connection:
            new = NewWorkflow(kind="batch", **self._fields, **callbacks)
            workflow, is_new = workflows.create(connection, new)
            if is_new:
                for portion in self._portions:
                    _send(broker, connection, workflow.id, portion)
                if is_closed:
                    workflows.close(connection, workflow.id)
        broker.hints.job_ready()
        return OpenBatch(workflow.id, is_new=is_new)


class OpenBatch:
    """A batch that is stored. In a `with`, it is closed at the end, and cancelled when an exception leaves the block."""

    def __init__(self, id: UUID | str, *, is_new: bool = False) -> None:
        self.id = UUID(str(id))
        self.is_new = is_new
        """False: a unique key brought it back."""

    def add_many(self, actor: JobActor[Any, Any], jobs: Iterable[Arguments | Message[Any]], **options: Any) -> Self:
        """Store many jobs more, all or none.

        Raises:
            InvalidJob
            WrongState: it is closed or cancelled.
        """
        broker = _broker()
        with broker.database.transaction() as connection:
            workflows.hold_open(connection, self.id)
            _send(broker, connection, self.id, (actor, jobs, options))
        broker.hints.job_ready()
        return self

    def close(self) -> None:
        """No more jobs are added: it ends when all have ended. Waits for those who are adding."""
        with _transaction() as connection:
            workflows.close(connection, self.id)
            note(connection, python_name(), "workflow.close", self.id)

    def cancel(self, reason: str | None = None) -> None:
        """Cancel it; its jobs follow, some at a time.

        Raises:
            WrongState: it is over.
        """
        by = python_name()
        with _transaction() as connection:
            workflows.request_cancel(connection, self.id, by=by, reason=reason)
            note(connection, by, "workflow.cancel", self.id, reason=reason)

    def retry_failed(self) -> int:
        """Give its jobs that failed or were cancelled a new life; how many."""
        by = python_name()
        with _transaction() as connection:
            workflows.resume(connection, self.id)
            note(connection, by, "workflow.retry", self.id)
        retried = 0
        while True:
            with _transaction() as connection:
                portion = workflows.retry_portion(connection, self.id, by=by)
            retried += portion
            if not portion:
                _broker().hints.job_ready()
                return retried

    def status(self) -> Workflow:
        """As it stands now: state and counters."""
        with _broker().database.connection() as connection:
            return workflows.get(connection, self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.cancel(f"{type(error).__name__} while jobs were added")


def _broker() -> JobBroker:
    from aeon_jobs.middleware.job import broker

    return broker()


@contextmanager
def _transaction() -> Iterator[Connection]:
    with _broker().database.transaction() as connection:
        yield connection


def _send(broker: JobBroker, connection: Connection, workflow_id: UUID, portion: _Portion) -> None:
    actor, jobs, options = portion
    broker.enqueue_many(actor.definition, jobs, {**options, "session": connection, "workflow_id": workflow_id})


def note(connection: Connection, by: str, action: str, workflow_id: UUID, **told: Any) -> None:
    """A line in the audit log: `by` did `action` to a workflow or a batch. `told`: see `audit.record`."""
    audit.record(connection, actor=by, action=action, subject=("workflow", workflow_id), **told)


def callback(broker: JobBroker, name: str, message: Message[Any] | None) -> Callback | None:
    """A job that is submitted at the end of a workflow; `name` is that of the option.

    Raises:
        InvalidJob
    """
    if message is None:
        return None
    if not isinstance(message, Message):
        raise InvalidJob.at(name, "must be a message, such as report.message(day=1)")
    definition = cast("JobActor[Any, Any]", broker.get_actor(message.actor_name)).definition
    try:
        payload = definition.payload(message.args, message.kwargs)
    except InvalidJob as error:
        raise InvalidJob([Violation(f"{name}.{v.field}", v.rule) for v in error.violations]) from None
    broker.introduce(definition)
    return Callback(definition.name, payload)
