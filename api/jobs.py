"""/api/jobs: submit, look, cancel."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Response, Router, delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from api.auth import forbidden
from api.body import ApiRequest
from api.callers import Caller, Role
from api.errors import ProblemError
from api.journal import note
from api.schemas import JobDetail, JobForm, SubmittedJob, detail, submitted
from api.services import Given
from api.traces import trace_of
from persistence import executions, jobs
from persistence.models import Job

Reason = Annotated[str | None, QueryParameter(min_length=1, max_length=1_000, description="is stored")]


@post("/", opt={"role": Role.SUBMITTER}, sync_to_thread=True, summary="Submit a job")
def submit(data: JSONBody[JobForm], request: ApiRequest, services: Given) -> Response[SubmittedJob]:
    """201 for a new job; 200 when an idempotency key brought an existing one back."""
    with services.database.transaction() as connection:
        job = jobs.submit(connection, data.new_job(request.user.name, *trace_of(request.headers)))
    if job.is_new:
        services.wakeups.job_ready()
    return Response(
        submitted(job),
        status_code=201 if job.is_new else 200,
        headers={"Location": f"/api/jobs/{job.id}"},
    )


@get("/{job_id:uuid}", opt={"role": Role.VIEWER}, sync_to_thread=True, summary="A job and its attempts")
def show(job_id: FromPath[UUID], services: Given) -> JobDetail:
    with services.database.connection() as connection:
        return detail(jobs.get(connection, job_id), executions.of_job(connection, job_id))


@delete(
    "/{job_id:uuid}",
    opt={"role": Role.SUBMITTER},
    status_code=200,
    sync_to_thread=True,
    summary="Cancel a job",
)
def cancel(job_id: FromPath[UUID], request: ApiRequest, services: Given, reason: Reason = None) -> Response[JobDetail]:
    """200: it is cancelled. 202: it runs, and its handler was asked to stop."""
    with services.database.transaction() as connection:
        before = jobs.get(connection, job_id)
        _refuse_others(request.user, before)
        job = jobs.cancel(connection, job_id, reason=reason, by=request.user.name)
        change = {"before": {"status": before.status}, "after": {"status": job.status}}
        note(connection, request, "job.cancel", ("job", job_id), **change, reason=reason)
        answer = detail(job, executions.of_job(connection, job_id))
    if job.status == "running":
        services.wakeups.cancel(job_id)
    return Response(answer, status_code=202 if job.status == "running" else 200)


def _refuse_others(caller: Caller, job: Job) -> None:
    """A submitter may cancel what it submitted; other people's jobs are an operator's business."""
    if not caller.may(Role.OPERATOR) and job.created_by != caller.name:
        raise ProblemError(forbidden(caller, Role.OPERATOR))


router = Router("/api/jobs", route_handlers=[submit, show, cancel], tags=["Jobs"])
