"""/api/jobs/bulk: many jobs in one call."""

from __future__ import annotations

from litestar import Response, post
from litestar.params import JSONBody

from aeon_jobs.api.contract import BatchAnswer, JobRetry, JobsChange, JobSelection, NewJobs, Page, Submitted
from aeon_jobs.api.http.idempotency import IdempotencyKey, replayed
from aeon_jobs.api.http.resources import Given
from aeon_jobs.api.service.core.principals import Role


@post(
    "/bulk",
    opt={"role": Role.SUBMITTER, "headers": ["Idempotency-Replayed"], "errors": [404, 409]},
    sync_to_thread=True,
    summary="Submit many jobs",
)
def submit(data: JSONBody[NewJobs], jobs: Given, key: IdempotencyKey = None) -> Response[Page[Submitted]]:
    """All are stored, or none; the answers stand in their order. Errors name the job: `jobs[17].payload.to`."""
    submitted, is_repeated = jobs.submit_many_once(data, key)
    return Response(Page(items=submitted), status_code=201, headers=replayed(is_repeated))


@post("/bulk/cancel", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Cancel many jobs")
def cancel(data: JSONBody[JobSelection], jobs: Given) -> BatchAnswer:
    """Cancel many jobs. Those that run are asked to stop: `requested`."""
    return jobs.cancel_selected(data)


@post("/bulk/retry", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Retry many jobs")
def retry(data: JSONBody[JobRetry], jobs: Given) -> BatchAnswer:
    """Retry many jobs: failed and cancelled ones start anew, waiting ones wait no longer."""
    return jobs.retry_selected(data)


@post("/bulk/change", opt={"role": Role.OPERATOR}, status_code=200, sync_to_thread=True, summary="Change pending jobs")
def change(data: JSONBody[JobsChange], jobs: Given) -> BatchAnswer:
    """Give many pending jobs another priority, another moment, or both."""
    return jobs.change_selected(data)


handlers = [cancel, retry, change]
"""All but `submit`, whose body may be larger."""
