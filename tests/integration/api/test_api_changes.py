"""Changing jobs, one and many; requests that are repeated; versions that have moved on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from sqlalchemy import text

from aeon_jobs.persistence.admin import bulk
from aeon_jobs.persistence.core.database import Database
from tests.integration.conftest import ApiClients
from tests.rows import rows, value
from tests.waiting import wait_for

SUBMISSION = {"job_type": "echo", "payload": {"text": "hi"}}


def _count(database: Database) -> int:
    with database.connection() as connection:
        return int(connection.execute(text("SELECT count(*) FROM jobs")).scalar_one())


def test_a_repeated_request_is_answered_the_same_and_done_once(api: ApiClients, database: Database) -> None:
    key = {"Idempotency-Key": "request-1"}
    first = api.submitter.post("/api/jobs", json=SUBMISSION, headers=key)
    again = api.submitter.post("/api/jobs", json=SUBMISSION, headers=key)
    other = api.submitter.post("/api/jobs", json={**SUBMISSION, "priority": 1}, headers=key)
    somebody = api.operator.post("/api/jobs", json=SUBMISSION, headers=key)

    assert (first.status_code, again.status_code, other.status_code, somebody.status_code) == (201, 201, 422, 201)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert other.json()["type"].endswith("idempotency-key-reused")
    assert _count(database) == 2


def test_the_same_request_many_times_at_once_is_done_once(api: ApiClients, database: Database) -> None:
    def post(_: int) -> str:
        answer = api.submitter.post("/api/jobs", json=SUBMISSION, headers={"Idempotency-Key": "race"})
        return str(answer.json()["job_id"])

    with ThreadPoolExecutor(12) as threads:
        ids = set(threads.map(post, range(24)))

    assert (len(ids), _count(database)) == (1, 1)


def test_a_request_that_failed_may_be_repeated_with_its_key(api: ApiClients, database: Database) -> None:
    key = {"Idempotency-Key": "request-2"}
    assert api.submitter.post("/api/jobs", json={"job_type": "nobody"}, headers=key).status_code == 400
    assert api.submitter.post("/api/jobs", json=SUBMISSION, headers=key).status_code == 201


def test_many_jobs_are_stored_in_order_or_not_at_all(api: ApiClients, database: Database) -> None:
    bodies = [{**SUBMISSION, "priority": priority} for priority in range(100)]
    bad = [*bodies[:17], {"job_type": "echo", "payload": {"times": 0}}, {"job_type": "zz"}, *bodies[19:]]

    refused = api.submitter.post("/api/jobs/bulk", json={"jobs": bad})
    assert refused.status_code == 400
    assert {e["field"] for e in refused.json()["errors"]} == {"jobs[17].payload.times", "jobs[18].job_type"}
    assert _count(database) == 0
    form = api.submitter.post("/api/jobs/bulk", json={"jobs": [{"job_type": "echo", "priority": 500}]})
    assert form.json()["errors"][0]["field"] == "jobs[0].priority"

    key = {"Idempotency-Key": "bulk-1"}
    stored = api.submitter.post("/api/jobs/bulk", json={"jobs": bodies}, headers=key)
    again = api.submitter.post("/api/jobs/bulk", json={"jobs": bodies}, headers=key)

    assert (stored.status_code, again.json()) == (201, stored.json())
    ids = [job["job_id"] for job in stored.json()["items"]]
    assert [api.viewer.get(f"/api/jobs/{ids[n]}").json()["priority"] for n in (0, 42, 99)] == [0, 42, 99]
    assert _count(database) == 100


def test_ten_thousand_jobs_are_the_most_of_one_call(api: ApiClients, database: Database) -> None:
    first = api.submitter.post("/api/jobs/bulk", json={"jobs": [SUBMISSION] * 10_000})
    assert first.status_code == 201, first.text[:400]
    assert api.submitter.post("/api/jobs/bulk", json={"jobs": [SUBMISSION] * 10_001}).status_code == 400
    assert api.submitter.post("/api/jobs/bulk", json={"jobs": []}).status_code == 400
    assert _count(database) == 10_000


def test_a_pending_job_changes_its_priority_and_moment_and_no_other_does(api: ApiClients) -> None:
    job_id = api.submitter.submit()
    path = f"/api/jobs/{job_id}"

    changed = api.operator.patch(path, json={"priority": 99, "scheduled_at": "2040-01-01T00:00:00Z"})
    assert changed.status_code == 200
    assert (changed.json()["priority"], changed.json()["scheduled_at"]) == (99, "2040-01-01T00:00:00Z")
    entry = api.admin.get("/api/audit-log").json()["items"][0]
    assert (entry["before"], entry["after"]["priority"]) == ({"priority": 50, "scheduled_at": None}, 99)
    hurried = api.operator.post(f"{path}/retry").json()
    assert (hurried["status"], hurried["scheduled_at"]) == ("pending", None)
    api.operator.delete(path)
    late = api.operator.patch(path, json={"priority": 1})
    assert (late.status_code, late.json()["state"]) == (409, "cancelled")
    assert api.operator.post(f"{path}/requeue").json()["status"] == "pending"
    assert api.operator.post(f"{path}/requeue").status_code == 409
    assert api.operator.patch(f"/api/jobs/{uuid4()}", json={}).status_code == 404


def test_a_version_that_moved_on_is_not_changed(api: ApiClients) -> None:
    path = f"/api/jobs/{api.submitter.submit()}"
    old = api.viewer.get(path).headers["etag"]
    assert api.viewer.get(path, headers={"if-none-match": old}).status_code == 304
    new = api.operator.patch(path, json={"priority": 1}, headers={"if-match": old}).headers["etag"]
    assert new != old

    stale = api.operator.patch(path, json={"priority": 2}, headers={"if-match": old})
    assert (stale.status_code, stale.headers["etag"]) == (412, new)
    assert api.operator.delete(path, headers={"if-match": old}).status_code == 412
    assert api.viewer.get(path, headers={"if-none-match": old}).json()["priority"] == 1
    assert api.operator.delete(path, headers={"if-match": f'"x", {new}'}).status_code == 200


def test_a_batch_says_what_became_of_each_job(api: ApiClients, database: Database) -> None:
    pending, running, over = (api.submitter.submit() for _ in range(3))
    with database.transaction() as connection:
        connection.execute(text("UPDATE jobs SET status = 'running' WHERE id = :id"), {"id": running})
        connection.execute(text("UPDATE jobs SET status = 'completed' WHERE id = :id"), {"id": over})
    missing = uuid4()
    ids = [str(job_id) for job_id in (pending, running, over, missing)]

    foretold = api.operator.post("/api/jobs/bulk/cancel", json={"ids": ids, "dry_run": True}).json()
    assert api.viewer.get(f"/api/jobs/{pending}").json()["status"] == "pending"
    done = api.operator.post("/api/jobs/bulk/cancel", json={"ids": ids, "reason": "cleanup"}).json()

    outcomes = ["done", "requested", "wrong_state", "not_found"]
    assert [item["outcome"] for item in foretold["items"]] == outcomes
    assert [item["outcome"] for item in done["items"]] == outcomes
    assert (done["changed"], done["dry_run"], done["more"]) == (2, False, False)
    assert api.viewer.get(f"/api/jobs/{running}").json()["cancel_reason"] == "cleanup"
    entry = api.admin.get("/api/audit-log").json()["items"][0]
    assert (entry["action"], entry["reason"], entry["after"]["changed"]) == ("jobs.cancel", "cleanup", 2)


def test_a_batch_by_filter_touches_what_matches_and_nothing_else(api: ApiClients) -> None:
    chosen = [api.submitter.submit(metadata={"batch": "b1"}) for _ in range(3)]
    other = api.submitter.submit()

    cancelled = api.operator.post("/api/jobs/bulk/cancel", json={"filter": {"metadata": {"batch": "b1"}}}).json()
    assert {item["job_id"] for item in cancelled["items"]} == {str(job_id) for job_id in chosen}
    revived = api.operator.post("/api/jobs/bulk/retry", json={"filter": {"status": ["cancelled"]}}).json()
    assert [item["status"] for item in revived["items"]] == ["pending"] * 3
    assert api.viewer.get(f"/api/jobs/{other}").json()["status"] == "pending"
    for body in ({}, {"filter": {}}, {"ids": [str(other)], "filter": {"job_type": "echo"}}, {"ids": []}):
        assert api.operator.post("/api/jobs/bulk/cancel", json=body).status_code == 400, body


def test_a_paced_batch_by_filter_comes_to_an_end_too(
    api: ApiClients, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_BATCH", 2)
    for _ in range(5):
        api.submitter.submit()
    rows(database, "UPDATE jobs SET status = 'failed'")

    def call() -> tuple[int, bool]:
        body = {"filter": {"job_type": "echo"}, "per_second": 0.1}
        answer = api.operator.post("/api/jobs/bulk/retry", json=body).json()
        return answer["changed"], answer["more"]

    assert [call() for _ in range(4)] == [(2, True), (2, True), (1, False), (0, False)]


def test_of_many_changes_to_the_same_version_one_is_made(api: ApiClients) -> None:
    path = f"/api/jobs/{api.submitter.submit()}"
    version = {"if-match": api.viewer.get(path).headers["etag"]}

    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda p: api.operator.patch(path, json={"priority": p}, headers=version), range(8))
        statuses = sorted(answer.status_code for answer in answers)

    assert statuses == [200] + [412] * 7


def test_opposite_batches_at_once_do_not_deadlock(api: ApiClients) -> None:
    ids = [str(api.submitter.submit()) for _ in range(50)]

    def flip(turn: int) -> int:
        action = "cancel" if turn % 2 else "retry"
        body = {"ids": ids if turn % 3 else ids[::-1]}
        return api.operator.post(f"/api/jobs/bulk/{action}", json=body).status_code

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(flip, range(24))) == {200}


@pytest.mark.parametrize(
    ("action", "done_with", "to_do"),
    [
        (
            "cancel",
            ["status = 'cancelled'", "status = 'completed'", "status = 'running', cancel_requested_at = now()"],
            "",
        ),
        ("retry", ["status = 'completed'", "status = 'running'", "priority = 1"], "status = 'failed'"),
    ],
)
def test_a_batch_by_filter_comes_to_an_end_however_many_jobs_it_cannot_change(
    api: ApiClients, database: Database, monkeypatch: pytest.MonkeyPatch, action: str, done_with: list[str], to_do: str
) -> None:
    monkeypatch.setattr(bulk, "MAX_BATCH", 2)
    # The oldest come first: these stand in the way.
    for change in [*done_with] * 2:
        rows(database, f"UPDATE jobs SET {change} WHERE id = :id", id=api.submitter.submit(metadata={"batch": "b1"}))
    changeable = [api.submitter.submit(metadata={"batch": "b1"}) for _ in range(5)]
    if to_do:
        rows(database, f"UPDATE jobs SET {to_do} WHERE id = ANY(:ids)", ids=changeable)

    def call(**options: bool) -> dict[str, object]:
        body = {"filter": {"metadata": {"batch": "b1"}}, **options}
        answer = api.operator.post(f"/api/jobs/bulk/{action}", json=body)
        return {name: answer.json()[name] for name in ("changed", "more")}

    assert call(dry_run=True) == {"changed": 2, "more": True}
    answers = [call() for _ in range(4)]
    assert answers == [
        {"changed": 2, "more": True},
        {"changed": 2, "more": True},
        {"changed": 1, "more": False},
        {"changed": 0, "more": False},
    ]


def test_a_bulk_submission_that_loses_a_deadlock_is_made_again(api: ApiClients, database: Database) -> None:
    """Two that name the same keys in opposite order; the other one is the test itself."""
    other_way_round = "INSERT INTO jobs (job_type, idempotency_key) VALUES ('echo', :key)"
    body = {"jobs": [{**SUBMISSION, "idempotency_key": key} for key in ("a", "b")]}
    with ThreadPoolExecutor(1) as thread:
        with database.transaction() as connection:
            # The server asks who is to blame when a lock is not had in time: never here, so it is the API.
            rows(connection, "SET LOCAL deadlock_timeout = '1h'")
            rows(connection, other_way_round, key="b")
            answer = thread.submit(api.submitter.post, "/api/jobs/bulk", json=body)
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
            wait_for(lambda: value(database, waits), "the API waits for key b")
            rows(connection, other_way_round, key="a")
            connection.rollback()
        assert answer.result(30).status_code == 201
    assert _count(database) == 2
