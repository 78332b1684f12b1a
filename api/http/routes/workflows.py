"""/api/workflows: batches and workflows."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter

from aeon_jobs.api.contract import NewWorkflow, Page, Signal, Workflow, WorkflowGraph
from aeon_jobs.api.contract.workflows import WorkflowState
from aeon_jobs.api.http.parameters import Limit, Reason, Text
from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service.core.principals import Role

State = Annotated[WorkflowState | None, QueryParameter(name="state")]
Before = Annotated[UUID | None, QueryParameter(description="only those made before this one")]


@post(
    "/",
    opt={"role": Role.SUBMITTER, "headers": ["Location"]},
    responses={200: ResponseSpec(Workflow, description="The unique_key brought this one back.")},
    sync_to_thread=True,
    summary="Submit a batch or a workflow",
)
def create(data: JSONBody[NewWorkflow], jobs: Given) -> Response[Workflow]:
    """A batch has jobs, a workflow has steps that wait for each other. All of it is stored in one transaction.

    More jobs may be added to an open batch by /api/jobs/bulk.
    """
    made, is_new = jobs.create_workflow_as(data)
    headers = {"Location": f"/api/workflows/{made.id}"}
    return Response(made, status_code=201 if is_new else 200, headers=headers)


@get("/", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="List workflows and batches")
def index(
    jobs: Given, in_state: State = None, name: Text = None, before: Before = None, limit: Limit = 50
) -> Page[Workflow]:
    """Newest first."""
    return Page(items=jobs.workflows(state=in_state, name=name, before=before, limit=limit))


@get("/{workflow_id:uuid}", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="A workflow and its progress")
def show(workflow_id: FromPath[UUID], jobs: Given) -> Workflow:
    """Its state and its counters."""
    return jobs.workflow(workflow_id)


@get("/{workflow_id:uuid}/graph", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="Its steps and edges")
def graph(workflow_id: FromPath[UUID], jobs: Given) -> WorkflowGraph:
    """Steps in the order in which they were added, 10,000 at most."""
    return jobs.workflow_graph(workflow_id)


@post(
    "/{workflow_id:uuid}/steps/{step:str}/signal",
    opt={"role": Role.OPERATOR, "errors": [409]},
    status_code=200,
    sync_to_thread=True,
    summary="Signal a step",
)
def signal(workflow_id: FromPath[UUID], step: FromPath[str], data: JSONBody[Signal], jobs: Given) -> Workflow:
    """A step that waits completes; the payload becomes its result. A signal may come before its step is reached."""
    return jobs.signal_step(workflow_id, step, data.payload)


@post(
    "/{workflow_id:uuid}/close",
    opt={"role": Role.SUBMITTER},
    status_code=200,
    sync_to_thread=True,
    summary="Close it: no more jobs",
)
def close(workflow_id: FromPath[UUID], jobs: Given) -> Workflow:
    """It ends when all of its jobs have ended."""
    return jobs.close_workflow(workflow_id)


@delete(
    "/{workflow_id:uuid}",
    opt={"role": Role.OPERATOR, "errors": [409]},
    status_code=200,
    sync_to_thread=True,
    summary="Cancel it and its jobs",
)
def cancel(workflow_id: FromPath[UUID], jobs: Given, reason: Reason = None) -> Workflow:
    """Its jobs are cancelled some at a time; those that run are asked to stop."""
    return jobs.cancel_workflow(workflow_id, reason=reason)


@post(
    "/{workflow_id:uuid}/retry-failed",
    opt={"role": Role.OPERATOR},
    status_code=200,
    sync_to_thread=True,
    summary="Retry what failed",
)
def retry(workflow_id: FromPath[UUID], jobs: Given, reason: Reason = None) -> Workflow:
    """Its jobs that failed or were cancelled start anew, and it runs again.

    A step of a workflow that was cancelled by itself stays cancelled.
    """
    return jobs.retry_workflow(workflow_id, reason=reason)


handlers = [index, show, graph, signal, close, cancel, retry]
"""All but `create`, which takes larger bodies."""
