"""Workflows and batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from aeon_jobs.api.contract import NewWorkflow, Workflow, WorkflowCallback
from aeon_jobs.api.service.core.deadlocks import again_after_deadlock
from aeon_jobs.api.service.core.use_cases import shown
from aeon_jobs.api.service.core.validation import read
from aeon_jobs.api.service.submissions import Submissions
from aeon_jobs.persistence.queue import workflows
from aeon_jobs.persistence.queue.workflows import Callback


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
        """Submit a batch of the fields of `contract.NewWorkflow`, with its jobs.

        Raises:
            InvalidJob: names every field at fault. Nothing was stored.
        """
        return self.create_workflow_as(read(NewWorkflow, dict(fields)))[0]

    @again_after_deadlock
    def create_workflow_as(self, new: NewWorkflow) -> tuple[Workflow, bool]:
        """As `create_workflow`, of a request that is valid; whether it is new."""
        with self.context.database.transaction() as connection:
            made, is_new = workflows.create(connection, _new(new, self.principal.name))
            if is_new:
                self._stored_in_portions(connection, new.jobs, None, workflow_id=made.id)
                if not new.is_open:
                    workflows.close(connection, made.id)
                after = {"name": new.name, "jobs": len(new.jobs)}
                self._audit(connection, "workflow.create", ("workflow", made.id), after=after)
            answer = shown(Workflow, workflows.get(connection, made.id))
        self.context.notifier.job_ready()
        return answer, is_new

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

        Raises:
            WorkflowNotFound
        """
        by = self.principal.name
        with self.context.database.transaction() as connection:
            workflows.resume(connection, workflow_id)
            self._audit(connection, "workflow.retry", ("workflow", workflow_id), reason=reason)
        with self.context.database.connection() as connection:
            while workflows.retry_portion(connection, workflow_id, by=by):
                pass
            found = workflows.get(connection, workflow_id)
        self.context.notifier.job_ready()
        return shown(Workflow, found)


def _new(new: NewWorkflow, created_by: str) -> workflows.NewWorkflow:
    return workflows.NewWorkflow(
        name=new.name,
        kind="batch",
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
