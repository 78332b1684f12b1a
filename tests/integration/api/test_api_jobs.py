"""Submitting, reading and cancelling through HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import text

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import jobs, queues
from tests.integration.conftest import ApiClients


def test_a_submitted_job_is_created_located_and_its_callers(api: ApiClients, database: Database) -> None:
    answer = api.submitter.post("/api/jobs", json={"job_type": "echo", "payload": {"text": "hi"}})

    assert answer.status_code == 201
    job_id = answer.json()["job_id"]
    assert answer.json()["status"] == "pending"
    assert datetime.fromisoformat(answer.json()["created_at"]).tzinfo
    assert answer.headers["location"] == f"/api/jobs/{job_id}"
    with database.connection() as connection:
        stored = jobs.get(connection, UUID(job_id))
    assert (stored.created_by, stored.payload, stored.priority) == ("the-submitter", {"text": "hi"}, 50)


def test_every_field_of_a_submission_is_stored(api: ApiClients, database: Database) -> None:
    with database.transaction() as connection:
        queues.limit(connection, "slow", 1)
    parent = api.submitter.submit()
    moment = datetime(2040, 1, 31, 9, tzinfo=UTC)
    job_id = api.submitter.submit(
        priority=100,
        max_retries=0,
        timeout_ms=1_000,
        scheduled_at="2040-01-31T10:00:00+01:00",
        metadata={"tenant": "t1"},
        queue_name="slow",
        idempotency_key="k1",
        depends_on=[str(parent)],
        on_dependency_failure="cancel",
    )

    job = api.viewer.get(f"/api/jobs/{job_id}").json()

    assert (job["priority"], job["max_retries"], job["timeout_ms"]) == (100, 0, 1_000)
    assert datetime.fromisoformat(job["scheduled_at"]) == moment
    assert (job["metadata"], job["queue_name"]) == ({"tenant": "t1"}, "slow")
    assert (job["idempotency_key"], job["blocked_by"]) == ("k1", 1)
    waits_for = [(entry["job_id"], entry["status"], entry["on_failure"]) for entry in job["dependencies"]]
    assert waits_for == [(str(parent), "pending", "cancel")]


def test_the_same_idempotency_key_brings_the_same_job_back(api: ApiClients) -> None:
    body = {"job_type": "echo", "payload": {"text": "a"}, "idempotency_key": "once"}
    first = api.submitter.post("/api/jobs", json=body)
    second = api.submitter.post("/api/jobs", json=body)
    other = api.submitter.post("/api/jobs", json={**body, "payload": {"text": "b"}})

    assert (first.status_code, second.status_code, other.status_code) == (201, 200, 422)
    assert second.json()["job_id"] == first.json()["job_id"] == other.json()["job_id"]
    assert second.json()["is_new"] is False


def test_the_trace_of_the_caller_is_kept_and_a_malformed_one_ignored(api: ApiClients, database: Database) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for sent, kept in [(trace, trace), ("nonsense", None)]:
        answer = api.submitter.post("/api/jobs", json={"job_type": "echo"}, headers={"traceparent": sent})
        with database.connection() as connection:
            assert jobs.get(connection, UUID(answer.json()["job_id"])).traceparent == kept


def test_a_job_that_is_not_there_is_404(api: ApiClients) -> None:
    for path in (f"/api/jobs/{uuid4()}", "/api/jobs/not-an-id", "/nowhere"):
        answer = api.viewer.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_pending_job_is_cancelled_at_once_and_keeps_the_reason(api: ApiClients, database: Database) -> None:
    job_id = api.submitter.submit()

    answer = api.submitter.delete(f"/api/jobs/{job_id}", params={"reason": "changed my mind"})

    assert answer.status_code == 200
    assert answer.json()["status"] == "cancelled"
    assert (answer.json()["cancel_reason"], answer.json()["cancel_requested_by"]) == (
        "changed my mind",
        "the-submitter",
    )
    with database.connection() as connection:
        entry = connection.execute(text("SELECT * FROM job_audit_log")).one()
    assert (entry.actor, entry.action, entry.subject_id) == ("the-submitter", "job.cancel", str(job_id))
    assert (entry.before, entry.after, entry.reason) == (
        {"status": "pending"},
        {"status": "cancelled"},
        "changed my mind",
    )


def test_a_running_job_is_asked_to_stop(api: ApiClients, database: Database) -> None:
    job_id = api.submitter.submit()
    with database.transaction() as connection:
        connection.execute(text("UPDATE jobs SET status = 'running', attempt = 1"))

    answer = api.submitter.delete(f"/api/jobs/{job_id}")

    assert answer.status_code == 202
    assert answer.json()["status"] == "running"
    assert answer.json()["cancel_requested_at"]


def test_cancelling_twice_is_409_and_names_the_state(api: ApiClients) -> None:
    job_id = api.submitter.submit()
    api.submitter.delete(f"/api/jobs/{job_id}")

    answer = api.submitter.delete(f"/api/jobs/{job_id}")

    assert answer.status_code == 409
    assert answer.json()["state"] == "cancelled"


def test_a_submitter_cannot_cancel_other_peoples_jobs(api: ApiClients) -> None:
    job_id = api.operator.submit()

    assert api.submitter.delete(f"/api/jobs/{job_id}").status_code == 403
    assert api.operator.delete(f"/api/jobs/{job_id}").status_code == 200


def test_head_answers_like_get_without_a_body(api: ApiClients) -> None:
    path = f"/api/jobs/{api.submitter.submit()}"

    head, get = api.viewer.request("HEAD", path), api.viewer.get(path)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
