"""Submitting jobs: one, or many that are all stored or none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from aeon_jobs.api.contract import NewJob, NewJobs, NewStep, OnFailure, Submitted
from aeon_jobs.api.service.core.compact import portions
from aeon_jobs.api.service.core.deadlocks import again_after_deadlock
from aeon_jobs.api.service.core.use_cases import UseCases
from aeon_jobs.api.service.core.validation import checked
from aeon_jobs.persistence.admin import request_keys
from aeon_jobs.persistence.core.errors import InvalidJob
from aeon_jobs.persistence.core.tracing import TraceContext
from aeon_jobs.persistence.queue import jobs, submissions, workflows
from aeon_jobs.persistence.queue.batches import Batch

if TYPE_CHECKING:
    from aeon_jobs.persistence.core.spans import Sending

_FIELDS = tuple(NewJob.__dataclass_fields__)


class Submissions(UseCases):
    def submit(
        self,
        job_type: str,
        payload: Mapping[str, Any] | None = None,
        *,
        priority: int | None = None,
        max_retries: int | None = None,
        timeout_ms: int | None = None,
        scheduled_at: datetime | None = None,
        expires_at: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        queue_name: str | None = None,
        idempotency_key: str | None = None,
        idempotency_window_s: float | None = None,
        depends_on: Sequence[UUID] = (),
        on_dependency_failure: OnFailure = "wait",
        workflow_id: UUID | None = None,
        request_key: str | None = None,
    ) -> Submitted:
        """Submit a job. See NewJob for the fields.

        `request_key` names this very request, so that it may be sent again after a lost answer; `idempotency_key` names the
        job, for as long as it lives.

        Raises:
            InvalidJob: names every field at fault.
            IdempotencyConflict, RequestKeyReused: one of the keys belongs to another submission.
        """
        new = NewJob(
            job_type=job_type,
            payload=payload or {},
            priority=priority,
            max_retries=max_retries,
            timeout_ms=timeout_ms,
            scheduled_at=scheduled_at,
            expires_at=expires_at,
            metadata=metadata or {},
            queue_name=queue_name,
            idempotency_key=idempotency_key,
            idempotency_window_s=idempotency_window_s,
            depends_on=depends_on,
            on_dependency_failure=on_dependency_failure,
            workflow_id=workflow_id,
        )
        return self.submit_new(new, request_key=request_key)

    def submit_new(self, new: NewJob, *, request_key: str | None = None) -> Submitted:
        """Submit a job that was put together before."""
        return self.submit_once(checked(new), request_key)[0]

    def submit_many(self, new: Sequence[NewJob], *, request_key: str | None = None) -> list[Submitted]:
        """Submit up to 10,000 jobs, all or none; the answers stand in the order of the submissions.

        Raises:
            InvalidJob: its fields are prefixed with the place, e.g. ``jobs[17].payload.to``.
        """
        return self.submit_many_once(checked(NewJobs(jobs=new)), request_key)[0]

    def submit_once(self, new: NewJob, request_key: str | None = None) -> tuple[Submitted, bool]:
        """The answer to a request that is valid, and whether it is a repeated one."""
        answer, is_repeated = self._traced(new, request_key) if self.context.tracer else self._submit(new, request_key)
        if answer.is_new and not is_repeated:
            self.context.notifier.job_ready()
        return answer, is_repeated

    def submit_many_once(self, new: NewJobs, request_key: str | None = None) -> tuple[list[Submitted], bool]:
        """As `submit_once`."""
        if self.context.tracer:
            answer, is_repeated = self._traced_many(new, request_key)
        else:
            answer, is_repeated = self._submit_many(new, request_key)
        if not is_repeated:
            self.context.notifier.job_ready()
        return answer, is_repeated

    def _traced(self, new: NewJob, request_key: str | None) -> tuple[Submitted, bool]:
        with self._sending([new]) as sending:
            answer, is_repeated = self._submit(new, request_key, sending.context)
            sending.stored(answer.job_id, is_new=answer.is_new and not is_repeated)
        return answer, is_repeated

    def _traced_many(self, new: NewJobs, request_key: str | None) -> tuple[list[Submitted], bool]:
        with self._sending(new.jobs) as sending:
            answer, is_repeated = self._submit_many(new, request_key, sending.context)
            sending.stored_many(len(answer))
        return answer, is_repeated

    @contextmanager
    def _sending(self, new: Sequence[NewJob | NewStep], workflow: str | None = None) -> Iterator[Sending]:
        """A span. It has the name of the job type once that is known to exist: a principal may send any text."""
        assert self.context.tracer is not None
        names = {job.job_type for job in new if job.job_type}
        job_type = names.pop() if len(names) == 1 else ""
        queue_name = self._queue_of(job_type, new)
        with self.context.tracer.send(
            job_type if queue_name else "", queue_name, around=self.conditions.trace, workflow=workflow
        ) as sending:
            yield sending
            sending.to(job_type, self._queue_of(job_type, new))

    def _queue_of(self, job_type: str, new: Sequence[NewJob | NewStep]) -> str:
        """Of all the jobs; empty if they have several, and if the job type is not known."""
        usual = self.context.known_types.queue_of(job_type)
        found = {job.queue_name or usual for job in new}
        return found.pop() if usual and len(found) == 1 else ""

    @again_after_deadlock
    def _submit(
        self, new: NewJob, request_key: str | None, trace: TraceContext | None = None
    ) -> tuple[Submitted, bool]:
        row = self._row(new, trace)
        with self._begin(new, request_key) as connection:
            if request_key is None:
                return self._stored(connection, row), False

            def work() -> Mapping[str, Any]:
                return _plain(self._stored(connection, row))

            answer, is_repeated = self._once(connection, request_key, new, work)
            return msgspec.convert(answer, Submitted), is_repeated

    @again_after_deadlock
    def _submit_many(
        self, new: NewJobs, request_key: str | None, trace: TraceContext | None = None
    ) -> tuple[list[Submitted], bool]:
        with self.context.database.transaction() as connection:
            if request_key is None:
                return self._stored_in_portions(connection, new.jobs, trace), False

            def work() -> Mapping[str, Any]:
                return _plain({"items": self._stored_in_portions(connection, new.jobs, trace)})

            answer, is_repeated = self._once(connection, request_key, new, work)
            return msgspec.convert(answer["items"], list[Submitted]), is_repeated

    def _stored_in_portions(
        self,
        connection: Connection,
        new: Sequence[NewJob],
        trace: TraceContext | None,
        workflow_id: UUID | None = None,
    ) -> list[Submitted]:
        batch = Batch(connection)
        answers = [
            submitted(job)
            for places in portions(new)
            for job in self._stored_portion(
                connection, batch, [self._row(one, trace, workflow_id) for one in new[places]], places.start
            )
        ]
        batch.close()
        return answers

    def _stored_portion(
        self, connection: Connection, batch: Batch, rows: Sequence[submissions.NewJob], first: int
    ) -> list[submissions.Submitted]:
        named = [(f"jobs[{i}].queue_name", row.queue_name) for i, row in enumerate(rows, first) if row.queue_name]
        _hold_open(connection, rows)
        try:
            self.context.known_queues.refuse_unknown(connection, named)
        except InvalidJob as error:
            batch.refuse(error.violations)
        return batch.add_new(rows)

    def _begin(self, new: NewJob, request_key: str | None) -> AbstractContextManager[Connection]:
        """A job that stands for itself is one statement, and that is a transaction anyway: three round trips less."""
        is_alone = not (request_key or new.idempotency_key or new.depends_on or new.workflow_id)
        return self.context.database.connection() if is_alone else self.context.database.transaction()

    def _stored(self, connection: Connection, row: submissions.NewJob) -> Submitted:
        _hold_open(connection, [row])
        job_type = self.context.known_types.get(connection, row.job_type)
        if row.queue_name and row.queue_name != job_type.queue_name:
            self.context.known_queues.refuse_unknown(connection, [("queue_name", row.queue_name)])
        return submitted(jobs.submit(connection, row, job_type))

    def _row(self, new: NewJob, trace: TraceContext | None, workflow_id: UUID | None = None) -> submissions.NewJob:
        """`trace`: of the span of the submission; without one the job belongs to the request's."""
        context = self.conditions.trace if trace is None else trace
        return submissions.NewJob(
            **{**{name: getattr(new, name) for name in _FIELDS}, "workflow_id": workflow_id or new.workflow_id},
            created_by=self.principal.name,
            traceparent=context.traceparent,
            tracestate=context.tracestate,
        )

    def _once(self, connection: Connection, key: str, request: object, work: Any) -> tuple[Mapping[str, Any], bool]:
        return request_keys.once(
            connection, actor=self.principal.name, key=key, request=_fingerprint(request), work=work
        )


def _hold_open(connection: Connection, rows: Sequence[submissions.NewJob]) -> None:
    """
    Raises:
        WorkflowNotFound
        WrongWorkflowState: it takes no more jobs.
    """
    for workflow_id in sorted({row.workflow_id for row in rows if row.workflow_id}):
        workflows.hold_open(connection, workflow_id)


def submitted(job: submissions.Submitted) -> Submitted:
    return Submitted(job_id=job.id, status=job.status, created_at=job.created_at, is_new=job.is_new)  # type: ignore[arg-type]


def _fingerprint(request: object) -> bytes:
    """What is the same for the same request, whatever its size."""
    digest = hashlib.sha256(type(request).__name__.encode())
    for part in request.jobs if isinstance(request, NewJobs) else [request]:
        digest.update(msgspec.json.encode(part))
    return digest.digest()


def _plain(answer: object) -> Mapping[str, Any]:
    """As JSON would hold it."""
    plain: Mapping[str, Any] = msgspec.to_builtins(answer)
    return plain
