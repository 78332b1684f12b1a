"""Workflows and batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from aeon_jobs.api.contract import NewWorkflow, Workflow, WorkflowCallback, WorkflowGraph
from aeon_jobs.api.service.core.deadlocks import again_after_deadlock
from aeon_jobs.api.service.core.use_cases import shown
from aeon_jobs.api.service.core.validation import read
from aeon_jobs.api.service.submissions import Submissions
from aeon_jobs.api.service.workflow_steps import new_steps
from aeon_jobs.persistence.core.tracing import TraceContext
from aeon_jobs.persistence.queue import graphs, workflows
from aeon_jobs.persistence.queue.workflows import Callback
from aeon_jobs.persistence.queue.workflows import Workflow as Stored
from aeon_jobs.persistence.reads import graph


class WorkflowUseCases(Submissions):
    def workflows(
        self, *, state: str | None = None, name: str | None = None, before: UUID | None = None, limit: int = 50
    ) -> list[Workflow]:
        """Workflows, newest first; those made before `before`."""
        with self.context.database.connection() as connection:
            found = workflows.page(connection, state=state, name=name, before=before, limit=limit)
        return [shown(Workflow, row) for row in found]

    def workflow(self, workflow_id: UUID) -> Workflow:
        """
        Raises:
            WorkflowNotFound
        """
        with self.context.database.connection() as connection:
            return shown(Workflow, workflows.get(connection, workflow_id))

    def create_workflow(self, fields: Mapping[str, Any]) -> Workflow:
        """Submit a batch or a workflow of the fields of `contract.NewWorkflow`, with its jobs or its steps.

        Raises:
            InvalidJob: names every field at fault. Nothing was stored.
        """
        return self.create_workflow_as(read(NewWorkflow, dict(fields)))[0]

    def create_workflow_as(self, new: NewWorkflow) -> tuple[Workflow, bool]:
        """As `create_workflow`, of a request that is valid; whether it is new."""
        if self.context.tracer:
            with self._sending([*new.jobs, *new.steps], new.name) as sending:
                answer, is_new = self._create_workflow(new, sending.context)
                sending.in_workflow(answer.id)
                sending.stored_many(answer.total if is_new else 0, is_new=is_new)
        else:
            answer, is_new = self._create_workflow(new, self.conditions.trace)
        self.context.notifier.job_ready()
        return answer, is_new

    @again_after_deadlock
    def _create_workflow(self, new: NewWorkflow, trace: TraceContext) -> tuple[Workflow, bool]:
        with self.context.database.transaction() as connection:
            store = self._store_graph if new.steps else self._store_batch
            made, is_new = store(connection, new, trace)
            if is_new:
                after = {"name": new.name, "jobs": len(new.jobs) or len(new.steps)}
                self._audit(connection, "workflow.create", ("workflow", made.id), after=after)
            return shown(Workflow, workflows.get(connection, made.id)), is_new

    def _store_batch(self, connection: Connection, new: NewWorkflow, trace: TraceContext) -> tuple[Stored, bool]:
        made, is_new = workflows.create(connection, _new(new, "batch", self.principal.name))
        if is_new:
            self._stored_in_portions(connection, new.jobs, trace, workflow_id=made.id)
            if not new.is_open:
                workflows.close(connection, made.id)
        return made, is_new

    def _store_graph(self, connection: Connection, new: NewWorkflow, trace: TraceContext) -> tuple[Stored, bool]:
        named = [(f"steps[{n}].queue_name", step.queue_name) for n, step in enumerate(new.steps) if step.queue_name]
        self.context.known_queues.refuse_unknown(connection, named)
        steps = new_steps(new.steps, self.principal.name, trace)
        made, _, is_new = graphs.submit(connection, _new(new, "workflow", self.principal.name), steps)
        return made, is_new

    def workflow_graph(self, workflow_id: UUID, *, limit: int = graph.MAX_STEPS) -> WorkflowGraph:
        """The steps of a workflow, the first `limit`, what they wait for, and how they stand.

        Raises:
            WorkflowNotFound
        """
        with self.context.database.connection() as connection:
            found = workflows.get(connection, workflow_id)
            steps, is_complete = graph.steps_of(connection, workflow_id, limit)
        told = {name: getattr(found, name) for name in ("name", "state", "total", "completed", "failed", "cancelled")}
        return msgspec.convert(
            {**told, "workflow_id": workflow_id, "steps": steps, "is_complete": is_complete}, WorkflowGraph
        )

    @again_after_deadlock
    def signal_step(self, workflow_id: UUID, step: str, payload: Any = None) -> Workflow:
        """Give a step that waits its signal; the payload becomes its result. It may come before the step is reached.

        Raises:
            WorkflowNotFound, StepNotFound
            WrongState: it waits for no signal, or has had it.
            InvalidJob: the payload cannot be stored.
        """
        with self.context.database.transaction() as connection:
            job_id = graphs.signal(connection, workflow_id, step, payload, by=self.principal.name)
            after = {"step": step, "job_id": job_id}
            self._audit(connection, "workflow.signal", ("workflow", workflow_id), after=after)
            found = workflows.get(connection, workflow_id)
        self.context.notifier.job_ready()
        return shown(Workflow, found)

    def close_workflow(self, workflow_id: UUID) -> Workflow:
        """No more jobs are added: it ends when all have ended. May be repeated.

        Raises:
            WorkflowNotFound
        """
        with self.context.database.transaction() as connection:
            closed = workflows.close(connection, workflow_id)
            self._audit(connection, "workflow.close", ("workflow", workflow_id))
        return shown(Workflow, closed)

    def cancel_workflow(self, workflow_id: UUID, *, reason: str | None = None) -> Workflow:
        """Cancel it. Its jobs follow, some at a time; those that run are asked to stop.

        Raises:
            WorkflowNotFound
            WrongState: it is over.
        """
        by = self.principal.name
        with self.context.database.transaction() as connection:
            workflows.request_cancel(connection, workflow_id, by=by, reason=reason)
            self._audit(connection, "workflow.cancel", ("workflow", workflow_id), reason=reason)
        with self.context.database.connection() as connection:
            workflows.cancel_overdue(connection)
            return shown(Workflow, workflows.get(connection, workflow_id))

    def retry_workflow(self, workflow_id: UUID, *, reason: str | None = None) -> Workflow:
        """Give its jobs that failed or were cancelled a new life; it runs again. A deadline that has passed does not count.

        A step that somebody cancelled by itself stays cancelled, and so does what it cancelled.

        Raises:
            WorkflowNotFound
        """
        by = self.principal.name
        self._resume(workflow_id, reason)
        with self.context.database.connection() as connection:
            found = workflows.get(connection, workflow_id)
            while found.kind == "batch" and workflows.retry_portion(connection, workflow_id, by=by):
                pass
            found = workflows.get(connection, workflow_id)
        self.context.notifier.job_ready()
        return shown(Workflow, found)

    @again_after_deadlock
    def _resume(self, workflow_id: UUID, reason: str | None) -> None:
        with self.context.database.transaction() as connection:
            if workflows.get(connection, workflow_id).kind == "workflow":
                graphs.retry(connection, workflow_id, by=self.principal.name)
            else:
                workflows.resume(connection, workflow_id)
            self._audit(connection, "workflow.retry", ("workflow", workflow_id), reason=reason)


def _new(new: NewWorkflow, kind: workflows.Kind, created_by: str) -> workflows.NewWorkflow:
    return workflows.NewWorkflow(
        name=new.name,
        kind=kind,
        unique_key=new.unique_key,
        deadline_at=new.deadline_at,
        metadata=new.metadata,
        on_success=_callback(new.on_success),
        on_failure=_callback(new.on_failure),
        on_finished=_callback(new.on_finished),
        created_by=created_by,
    )


def _callback(given: WorkflowCallback | None) -> Callback | None:
    return None if given is None else Callback(**asdict(given))
