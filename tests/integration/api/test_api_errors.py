"""Every failure is problem+json, names what is wrong, and leaves no row."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from aeon_jobs.persistence.core.database import Database
from tests.integration.conftest import ApiClients
from tests.waiting import wait_for


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("", "body"),
        ("nope", "body"),
        ("[]", "body"),
        ('"text"', "body"),
        ("{}", "job_type"),
        ('{"job_type": 5}', "job_type"),
        ('{"job_type": ""}', "job_type"),
        ('{"job_type": "nobody-knows"}', "job_type"),
        ('{"job_type": "echo", "bogus": 1}', "bogus"),
        ('{"job_type": "echo", "priority": 101}', "priority"),
        ('{"job_type": "echo", "priority": -1}', "priority"),
        ('{"job_type": "echo", "priority": true}', "priority"),
        ('{"job_type": "echo", "priority": "5"}', "priority"),
        ('{"job_type": "echo", "max_retries": 11}', "max_retries"),
        ('{"job_type": "echo", "timeout_ms": 999}', "timeout_ms"),
        ('{"job_type": "echo", "timeout_ms": 600001}', "timeout_ms"),
        ('{"job_type": "echo", "scheduled_at": "tomorrow"}', "scheduled_at"),
        ('{"job_type": "echo", "scheduled_at": "2040-01-01T00:00:00"}', "scheduled_at"),
        ('{"job_type": "echo", "scheduled_at": 17}', "scheduled_at"),
        ('{"job_type": "echo", "payload": []}', "payload"),
        ('{"job_type": "echo", "payload": {"times": 0}}', "payload.times"),
        ('{"job_type": "echo", "payload": {"text": "\\u0000"}}', "payload.text"),
        ('{"job_type": "echo", "payload": {"text": "\\ud800"}}', "payload.text"),
        ('{"job_type": "echo", "payload": {"text": NaN}}', "body"),
        ('{"job_type": "echo", "payload": {"times": 1e999}}', "body"),
        ('{"job_type": "echo", "job_type": "echo"}', "job_type"),
        ('{"job_type": "echo", "metadata": ' + '{"a":' * 99 + "1" + "}" * 99 + "}", "body"),
        ('{"job_type": "echo", "metadata": ' + "[" * 50_000, "body"),
        ('{"job_type": "echo", "payload": {"times": ' + "9" * 5_000 + "}}", "body"),
        ('{"job_type": "echo", "depends_on": ["x"]}', "depends_on[0]"),
        (json.dumps({"job_type": "echo", "depends_on": ["01a20133-946e-7c3a-a035-6e8448176f12"]}), "depends_on"),
        ('{"job_type": "echo", "on_dependency_failure": "explode"}', "on_dependency_failure"),
    ],
)
def test_a_bad_submission_is_400_and_names_the_field(
    api: ApiClients, database: Database, body: str, field: str
) -> None:
    answer = api.submitter.post("/api/jobs", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert field in [error["field"] for error in answer.json()["errors"]], answer.text
    assert _rows(database) == 0


def test_all_broken_rules_are_named_at_once(api: ApiClients) -> None:
    answer = api.submitter.post("/api/jobs", json={"job_type": "echo", "priority": 500, "timeout_ms": 1})

    assert {error["field"] for error in answer.json()["errors"]} == {"priority", "timeout_ms"}


def test_a_problem_says_what_where_and_under_which_id(api: ApiClients) -> None:
    answer = api.viewer.get(f"/api/jobs/{uuid4()}", headers={"x-request-id": "mine-1"})

    problem = answer.json()
    assert {"type", "title", "status", "detail", "instance", "request_id"} <= set(problem)
    assert (problem["status"], problem["request_id"], answer.headers["x-request-id"]) == (
        404,
        "mine-1",
        "mine-1",
    )
    assert problem["instance"].startswith("/api/jobs/")


def test_a_forged_request_id_is_replaced(api: ApiClients) -> None:
    answer = api.viewer.get("/nowhere", headers={"x-request-id": "a b"})

    assert answer.headers["x-request-id"] != "a b"


def test_another_media_type_is_415(api: ApiClients, database: Database) -> None:
    answer = api.submitter.post("/api/jobs", content="job_type=echo", headers={"content-type": "text/plain"})

    assert answer.status_code == 415
    assert _rows(database) == 0


def test_a_body_that_is_too_large_is_413(api: ApiClients, database: Database) -> None:
    body = {"job_type": "echo", "payload": {"text": "x" * 2_000_000}}

    assert api.submitter.post("/api/jobs", json=body).status_code == 413
    assert _rows(database) == 0


def test_a_method_that_is_not_there_is_405_and_names_those_that_are(api: ApiClients) -> None:
    answer = api.viewer.request("PUT", f"/api/jobs/{uuid4()}")

    assert answer.status_code == 405
    assert {"GET", "HEAD", "DELETE"} <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize("path", ["/api/jobs/%00", "/api/jobs/01a20133-946e-7c3a-a035-6e8448176f12?reason=%00"])
def test_a_nul_in_the_address_is_400(api: ApiClients, path: str) -> None:
    assert api.operator.delete(path).status_code == 400


def test_no_origin_is_allowed_unless_it_was_named(api: ApiClients) -> None:
    answer = api.nobody.get("/health/live", headers={"origin": "https://evil.example"})

    assert "access-control-allow-origin" not in answer.headers


def test_a_database_that_is_away_is_503_and_says_when_to_come_back(api: ApiClients) -> None:
    api.viewer.get("/health")  # the key is not yet known: it cannot be looked up either
    resources = api.app.state.resources
    # A connection that is in use while its pool is replaced would stay open: the process announces itself beside the requests.
    wait_for(lambda: api.viewer.get("/api/workers?kind=api").json()["items"], "the process is announced")
    wait_for(lambda: resources.database.engine.pool.checkedout() == 0, "every connection is back")
    resources.database.engine.dispose()
    resources.database.engine.pool._dialect.connect = _refuse  # type: ignore[attr-defined]

    answer = api.viewer.get(f"/api/jobs/{uuid4()}")

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert api.nobody.get("/health/ready").status_code == 503
    assert api.nobody.get("/health/live").status_code == 200


def _refuse(*_: Any, **__: Any) -> Any:
    import psycopg2

    raise psycopg2.OperationalError("connection refused")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "job_type",
    "payload",
    "priority",
    "max_retries",
    "timeout_ms",
    "scheduled_at",
    "metadata",
    "queue_name",
    "idempotency_key",
    "idempotency_window_s",
    "depends_on",
    "on_dependency_failure",
    "bogus",
]
SUBMISSION = st.fixed_dictionaries({"job_type": st.just("echo") | JSON}, optional=dict.fromkeys(FIELDS[1:], JSON))
BODY = st.binary(max_size=200) | JSON.map(json.dumps) | SUBMISSION.map(json.dumps)


def test_malformed_submissions_are_never_a_500_and_never_a_row(api: ApiClients, database: Database) -> None:
    accepted = 0

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(body=BODY)
    def submit(body: str | bytes) -> None:
        nonlocal accepted
        answer = api.submitter.post("/api/jobs", content=body, headers={"content-type": "application/json"})
        assert answer.status_code in {200, 201, 400, 422}, answer.text
        if answer.status_code == 201:
            accepted += 1
            # What was taken can be shown.
            assert api.viewer.get(answer.headers["location"]).status_code == 200, body
        if answer.status_code >= 400:
            assert answer.json()["errors"] or answer.status_code == 422

    submit()
    assert _rows(database) == accepted


@pytest.mark.parametrize("number", [2**63, -(2**64), 10**30, 10**500, 0.1, 5e-324, -0.0])
def test_a_number_that_was_accepted_is_shown_as_it_was(api: ApiClients, number: float) -> None:
    job_id = api.submitter.submit(metadata={"number": number})

    for path in (f"/api/jobs/{job_id}", "/api/jobs"):
        answer = api.viewer.get(path)
        assert answer.status_code == 200, answer.text
        job = answer.json() if "items" not in answer.json() else answer.json()["items"][0]
        assert job["metadata"] == {"number": number}


QUERY = st.dictionaries(
    st.sampled_from(
        [
            "status",
            "job_type",
            "queue_name",
            "created_by",
            "created_after",
            "updated_before",
            "metadata",
            "sort",
            "order",
            "limit",
            "offset",
            "cursor",
            "total",
            "bogus",
        ]
    ),
    st.text(max_size=20) | st.integers().map(str) | JSON.map(json.dumps),
    max_size=4,
)
ROUTES = st.sampled_from(
    [
        ("POST", "/api/jobs/bulk"),
        ("POST", "/api/jobs/bulk/cancel"),
        ("POST", "/api/jobs/bulk/retry"),
        ("POST", "/api/dead-letters/bulk/requeue"),
        ("POST", "/api/schedules"),
        ("PATCH", "/api/queues/default"),
        ("PATCH", f"/api/jobs/{uuid4()}"),
    ]
)
WRAPPED = st.dictionaries(
    st.sampled_from(
        [
            "jobs",
            "ids",
            "filter",
            "dry_run",
            "reason",
            "per_second",
            "delay_ms",
            "name",
            "cron",
            "job_type",
            "payload",
            "max_running",
        ]
    ),
    JSON,
)


def test_malformed_requests_to_other_routes_and_lists_are_never_a_500(api: ApiClients, database: Database) -> None:
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(route=ROUTES, body=BODY | WRAPPED.map(json.dumps), query=QUERY)
    def ask(route: tuple[str, str], body: str | bytes, query: dict[str, str]) -> None:
        answer = api.admin.request(*route, content=body, headers={"content-type": "application/json"})
        assert answer.status_code < 500, (route, body, answer.text)
        answer = api.viewer.get("/api/jobs", params=query)
        assert answer.status_code < 500, (query, answer.text)

    ask()
    assert _rows(database) == 0


def _rows(database: Database) -> int:
    with database.connection() as connection:
        return int(connection.execute(text("SELECT count(*) FROM jobs")).scalar_one())
