"""Submitting: messages of job types become rows.

1. The message's arguments and options are held against the job type; what does not fit is refused, and nothing is stored.
2. One INSERT stores the job, in the caller's transaction if a session came along. Many jobs are read, checked and stored some
   at a time, by COPY, in one transaction.
3. The dispatcher is told that there is something to do: now, or when the caller commits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dramatiq import Message

from aeon_jobs.middleware.execution.definitions import Definition
from aeon_jobs.middleware.transport.options import new_job
from aeon_jobs.middleware.transport.outgoing import Arguments, Outgoing
from aeon_jobs.persistence.core.crash_points import crash
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.core.logs import Logger
from aeon_jobs.persistence.hints import Hints
from aeon_jobs.persistence.queue import batches, graphs, job_types, jobs
from aeon_jobs.persistence.queue.batches import Batch
from aeon_jobs.persistence.queue.submissions import NewJob, Row, Submitted, Template

if TYPE_CHECKING:
    from sqlalchemy import Connection, NestedTransaction
    from sqlalchemy.orm import Session

    from aeon_jobs.persistence.queue.graphs import NewStep
    from aeon_jobs.persistence.queue.workflows import NewWorkflow

NO_TRANSACTION = "25P01"
"""SQLSTATE of a savepoint outside of a transaction."""

_log = Logger(__name__)


class Submitter:
    def __init__(self, database: Database, hints: Hints) -> None:
        self._database = database
        self._hints = hints
        self.introduced: set[str] = set()
        """Job types of this process that the registry knows."""

    def submit(self, definition: Definition, message: Message[Any], delay: int | None = None) -> Submitted:
        """Store the job of one message. `delay` in milliseconds.

        Raises:
            InvalidJob: names every field at fault. Nothing was stored.
            IdempotencyConflict: the key belongs to a job with another payload.
        """
        session = message.options.get("session")
        row = _row(definition, message, delay)
        new = row.new
        self.introduce(definition)
        # A single statement needs no transaction around it, which saves two round trips.
        with self._connection(session, in_transaction=bool(new.depends_on)) as connection:
            submitted = jobs.submit_row(connection, row, schema=self._database.schema)
        if session is None:
            crash("submit.committed")
            self._hints.job_ready()
        return submitted

    def submit_many(
        self, given: Iterable[Arguments | Message[Any]], outgoing: Outgoing, session: Session | Connection | None
    ) -> list[UUID]:
        """Store many jobs, or none; their ids stand in the order of the jobs.

        Raises:
            InvalidJob: its fields are prefixed with the place, e.g. ``jobs[17].payload.to``.
            IdempotencyConflict
        """
        ids = list[UUID]()
        portions = batches.portions(given)
        # Before there is a transaction: without a job there is none.
        if not (first := next(portions, None)):
            return ids
        with self._transaction(session) as connection:
            batch = Batch(connection, self._database.schema)
            for portion in chain([first], portions):
                for definition in outgoing.definitions(portion):
                    self.introduce(definition)
                ids += [submitted.id for submitted in batch.add(portion, outgoing.row)]
            batch.close()
        if session is None:
            self._hints.job_ready()
        return ids

    def submit_workflow(
        self,
        new: NewWorkflow,
        steps: Sequence[NewStep],
        known: Mapping[str, Definition],
        session: Session | Connection | None,
    ) -> tuple[UUID, dict[str, UUID], bool]:
        """Store a workflow with its steps: its id, the ids of its jobs by the names of steps, and whether it is new.

        Raises:
            InvalidJob: names every field at fault.
        """
        from sqlalchemy.exc import IntegrityError

        self._introduce_types(new_jobs_of(steps), known)
        try:
            with self._transaction(session) as connection:
                workflow, jobs, is_new = graphs.submit(
                    connection, new, steps, known=known, schema=self._database.schema
                )
        except IntegrityError as error:
            if "jobs_pkey" not in str(error.orig):
                raise
            raise InvalidJob.at("message_id", "was sent already: make a new pipeline") from None
        if session is None:
            self._hints.job_ready()
        return workflow.id, {name: job.id for name, job in jobs.items()}, is_new

    def add_steps(
        self,
        job_id: UUID,
        attempt: int,
        steps: Sequence[NewStep],
        known: Mapping[str, Definition],
        session: Session | Connection | None,
    ) -> dict[str, UUID]:
        """Put steps into the workflow of a running step.

        Raises:
            InvalidJob, WrongState
        """
        self._introduce_types(new_jobs_of(steps), known)
        with self._transaction(session) as connection:
            ids = graphs.add(connection, job_id, attempt, steps, known=known, schema=self._database.schema)
        if session is None:
            crash("workflow.added")
            self._hints.job_ready()
        return ids

    def _introduce_types(self, jobs: Iterable[NewJob], known: Mapping[str, Definition]) -> None:
        for name in {job.job_type for job in jobs}:
            if name in known:
                self.introduce(known[name])

    @contextmanager
    def _transaction(self, session: Session | Connection | None) -> Iterator[Connection]:
        if session is None:
            with self._database.transaction() as connection:
                yield connection
            return
        connection = self._connection_of(session)
        # Refused, nothing of it is stored, and the caller may go on in the same transaction.
        with _savepoint(connection):
            yield connection

    def introduce(self, definition: Definition) -> None:
        """Register the job type if no worker has. A deploy may start producers of a new job type before its workers.

        On another connection: in the caller's transaction, other producers of the type would wait for its end.
        """
        if definition.name in self.introduced:
            return
        from sqlalchemy.exc import SQLAlchemyError

        self.introduced.add(definition.name)
        try:
            with self._database.connection() as connection:
                job_types.introduce(connection, definition)
        except SQLAlchemyError as error:
            _log.debug("job type not introduced", job_type=definition.name, error=str(error).splitlines()[0])

    @contextmanager
    def _connection(self, session: Session | Connection | None, *, in_transaction: bool) -> Iterator[Connection]:
        if session is None:
            with self._database.transaction() if in_transaction else self._database.connection() as connection:
                yield connection
            return
        yield self._connection_of(session)

    def _connection_of(self, session: Any) -> Connection:
        from sqlalchemy import Connection

        if isinstance(session, Connection):
            return session
        # Imported late: only callers that pass a Session need the ORM.
        from sqlalchemy.orm import Session, scoped_session

        if isinstance(session, scoped_session):
            session = session()
        if isinstance(session, Session):
            self._wake_after_commit(session)
            return session.connection()
        if hasattr(session, "run_sync"):
            raise InvalidJob.at(
                "session", f"is an {type(session).__name__}: use `await` with send_async or send_many_async"
            )
        raise InvalidJob.at("session", f"must be a SQLAlchemy session or connection, is {type(session).__name__}")

    def _wake_after_commit(self, session: Session) -> None:
        """Wake the dispatcher at the session's next commit, once for all that it sends."""
        if session.info.setdefault("aeon_jobs_wakes", False):
            return
        from sqlalchemy import event

        def wake(session: Session) -> None:
            session.info["aeon_jobs_wakes"] = False
            self._wake()

        session.info["aeon_jobs_wakes"] = True
        event.listen(session, "after_commit", wake, once=True)

    def _wake(self) -> None:
        """On an event loop from another thread: a Redis that does not answer must not stop the loop."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._hints.job_ready()
        else:
            loop.run_in_executor(None, self._hints.job_ready)


def new_jobs_of(steps: Iterable[NewStep]) -> list[NewJob]:
    return [step.job for step in steps if step.job is not None]


def _savepoint(connection: Connection) -> NestedTransaction:
    """
    Raises:
        InvalidJob: there is no transaction. Each statement would be stored at once.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        return connection.begin_nested()
    except DBAPIError as error:
        if NO_TRANSACTION not in (getattr(error.orig, "pgcode", None), getattr(error.orig, "sqlstate", None)):
            raise
        raise InvalidJob.at(
            "session", "is in autocommit: send_many stores all or none, so it needs a transaction"
        ) from None


def _row(definition: Definition, message: Message[Any], delay: int | None) -> Row:
    if delay is None and message.options.keys() <= {"session"}:
        return definition.template.row(definition.payload(message.args, message.kwargs))
    new = new_job(definition, message, delay)
    return Template(new, definition).row(new.payload)
