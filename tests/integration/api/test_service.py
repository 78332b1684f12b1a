"""The use cases in Python, without HTTP: what they answer, under whose name, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from aeon_jobs import InvalidJob, JobNotFound, JobNotOver, Jobs, WrongState
from aeon_jobs.actors import email_notification
from aeon_jobs.api.contract import AuditFilter, JobFilter, NewJob
from aeon_jobs.api.service.core.errors import NotFound
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import job_types
from tests.integration.conftest import ECHO


@pytest.fixture
def jobs(environment: Settings, database: Database) -> Iterator[Jobs]:
    with database.transaction() as connection:
        job_types.register(connection, [ECHO, email_notification.definition])
    with Jobs.from_settings(name="the-service") as jobs:
        yield jobs


def test_a_job_is_submitted_listed_changed_and_cancelled_under_the_name_of_the_principal(jobs: Jobs) -> None:
    submitted = jobs.submit("echo", {"text": "hi"}, metadata={"tenant": "t1"})
    jobs.change(submitted.job_id, priority=90)
    cancelled = jobs.cancel(str(submitted.job_id), reason="wrong")

    job = jobs.get(submitted.job_id)
    assert (job.created_by, job.priority, job.status, job.cancel_reason) == ("the-service", 90, "cancelled", "wrong")
    assert job == cancelled
    assert [listed.job_id for listed in jobs.list(JobFilter(metadata={"tenant": "t1"}))] == [job.id]
    entries = jobs.audit_page(AuditFilter(actor="the-service")).items
    assert [(entry.action, entry.reason) for entry in entries] == [("job.cancel", "wrong"), ("job.change", None)]


def test_a_list_goes_through_all_pages(jobs: Jobs) -> None:
    jobs.submit_many([NewJob(job_type="echo") for _ in range(7)])
    assert len({job.id for job in jobs.list(limit=3)}) == 7


def test_what_is_refused_over_http_is_refused_here(jobs: Jobs) -> None:
    with pytest.raises(InvalidJob, match="priority: must be at most 100"):
        jobs.submit("echo", priority=101)
    with pytest.raises(InvalidJob, match="status"):
        jobs.page(JobFilter(status=["lost"]))  # type: ignore[list-item]
    with pytest.raises(InvalidJob, match="filter with at least one condition"):
        jobs.cancel_many(JobFilter())
    with pytest.raises(InvalidJob, match=r"jobs\[1\]\.payload\.times"):
        jobs.submit_many([NewJob(job_type="echo"), NewJob(job_type="echo", payload={"times": 0})])
    with pytest.raises(JobNotFound):
        jobs.get("no-id")
    with pytest.raises(NotFound, match="did you mean default"):
        jobs.pause_queue("defualt")


def test_waiting_ends_with_the_job_or_with_the_time(jobs: Jobs) -> None:
    job_id = jobs.submit("echo").job_id
    with pytest.raises(JobNotOver) as over:
        jobs.wait(job_id, timeout_s=0)
    assert over.value.status == "pending"
    jobs.cancel(job_id)
    assert jobs.wait(job_id).status == "cancelled"
    assert [event.job.status for event in jobs.events(job_id)] == ["cancelled"]


def test_a_repeated_request_is_done_once(jobs: Jobs) -> None:
    first, again = (jobs.submit("echo", request_key="k") for _ in range(2))
    assert first == again


def test_a_job_that_is_over_cannot_be_changed(jobs: Jobs) -> None:
    job_id = jobs.submit(
        "echo", scheduled_at=datetime(2040, 1, 1, tzinfo=UTC), depends_on=[jobs.submit("echo").job_id]
    ).job_id
    assert jobs.cancel(job_id).dependencies[0].on_failure == "wait"
    with pytest.raises(WrongState):
        jobs.change(job_id, priority=1)
    with pytest.raises(JobNotFound):
        jobs.cancel(uuid4())
