"""The span of a submission through HTTP: a child of the caller's, and the one that the job's row has."""

from __future__ import annotations

from uuid import UUID

from opentelemetry.trace import StatusCode

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import jobs
from tests.integration.conftest import ApiClients
from tests.spans import Spans, attributes, parent_of, traceparent

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def stored_trace(database: Database, job_id: str) -> str | None:
    with database.connection() as connection:
        return jobs.get(connection, UUID(job_id)).traceparent


def test_a_submission_continues_the_trace_of_its_request(spans: Spans, api: ApiClients, database: Database) -> None:
    answer = api.submitter.post("/api/jobs", json={"job_type": "echo"}, headers={"traceparent": CALLER})

    send = spans.one("send echo")
    assert parent_of(send) == CALLER
    assert stored_trace(database, answer.json()["job_id"]) == traceparent(send)
    assert attributes(send)["messaging.message.id"] == answer.json()["job_id"]
    assert attributes(send)["messaging.destination.name"] == "default"


def test_a_request_without_a_trace_begins_one_and_a_repeated_one_says_so(spans: Spans, api: ApiClients) -> None:
    for _ in range(2):
        api.submitter.post("/api/jobs", json={"job_type": "echo"}, headers={"idempotency-key": "k"})

    first, second = spans.named("send echo")
    assert (parent_of(first), "aeon_jobs.is_new" in attributes(first)) == (None, False)
    assert attributes(second)["aeon_jobs.is_new"] is False


def test_a_bulk_submission_is_one_span(spans: Spans, api: ApiClients, database: Database) -> None:
    body = {"jobs": [{"job_type": "echo"}, {"job_type": "echo"}]}
    answer = api.submitter.post("/api/jobs/bulk", json=body, headers={"traceparent": CALLER})

    send = spans.one("send echo")
    assert (parent_of(send), attributes(send)["messaging.batch.message_count"]) == (CALLER, 2)
    assert {stored_trace(database, job["job_id"]) for job in answer.json()["items"]} == {traceparent(send)}


def test_a_workflow_and_a_batch_are_one_span(spans: Spans, api: ApiClients, database: Database) -> None:
    steps = [{"name": "ask", "wait": "signal"}, {"name": "tell", "job_type": "echo", "deps": ["ask"]}]
    for kind, number, content in (("steps", 2, steps), ("jobs", 1, [{"job_type": "echo"}])):
        body = {"name": kind, kind: content}
        made = api.submitter.post("/api/workflows", json=body, headers={"traceparent": CALLER}).json()
        send = spans.named("send echo")[-1]
        found = attributes(send)
        assert (found["aeon_jobs.workflow"], found["aeon_jobs.workflow_id"]) == (kind, made["id"])
        assert (parent_of(send), found["messaging.batch.message_count"]) == (CALLER, number)
        (job,) = api.viewer.get("/api/jobs", params={"workflow_id": made["id"], "job_type": "echo"}).json()["items"]
        assert stored_trace(database, job["id"]) == traceparent(send)


def test_a_job_type_that_there_is_not_makes_no_name_of_a_span(spans: Spans, api: ApiClients) -> None:
    api.submitter.post("/api/jobs", json={"job_type": "x" * 90})

    span = spans.one("send")
    assert span.status.status_code == StatusCode.ERROR
    assert "aeon_jobs.job_type" not in attributes(span)
