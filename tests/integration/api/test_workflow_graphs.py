"""Workflows with steps through HTTP: one call, the graph, signals, what is refused, and who is in the audit log."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.queue import workflows
from tests.integration.conftest import ApiClients
from tests.rows import rows

STEPS: list[dict[str, Any]] = [
    {"name": "ask", "job_type": "echo", "payload": {"text": "?"}, "priority": 90},
    {"name": "approve", "wait": "signal", "deps": ["ask"], "wait_ms": 60_000},
    {"name": "pause", "wait": "time", "wait_ms": 1_000, "deps": ["approve"]},
    {
        "name": "tell",
        "job_type": "echo",
        "deps": ["ask", "pause"],
        "on_failure": "wait",
        "on_failure_of": {"ask": "run"},
        "skip_if": [{"step": "ask", "path": "a.b", "operator": "==", "value": 1}],
        "results": {"text": "ask"},
    },
]


def start(api: ApiClients, **fields: Any) -> dict[str, Any]:
    answer = api.submitter.post("/api/workflows", json={"name": "import", "steps": STEPS, **fields})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/workflows/{answer.json()['id']}"
    found: dict[str, Any] = answer.json()
    return found


def test_a_workflow_starts_in_one_call_and_its_graph_is_shown(api: ApiClients, database: Database) -> None:
    made = start(api, on_finished={"job_type": "echo"})
    assert (made["kind"], made["state"], made["total"]) == ("workflow", "pending", 4)
    graph = api.viewer.get(f"/api/workflows/{made['id']}/graph").json()
    assert [step["name"] for step in graph["steps"]] == ["ask", "approve", "pause", "tell"]
    assert [step["waits_for"] for step in graph["steps"]] == [None, "signal", "timer", None]
    assert graph["steps"][3]["deps"] == [
        {"step": "ask", "on_failure": "run", "is_satisfied": False},
        {"step": "pause", "on_failure": "wait", "is_satisfied": False},
    ]
    assert (graph["total"], graph["is_complete"]) == (4, True)
    listed = api.viewer.get("/api/jobs", params={"sort": "priority", "order": "desc"}).json()["items"]
    assert (listed[0]["priority"], listed[0]["created_by"]) == (90, "the-submitter")


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"steps": [{"name": "a", "job_type": "echo", "deps": ["b"]}]}, ("steps[0].deps", "there is no step 'b'")),
        ({"steps": [{"name": "a", "job_type": "echo", "deps": ["a"]}]}, ("steps", "wait for each other: a → a")),
        ({"steps": [{"name": "a"}]}, ("steps[0]", "must have either job_type or wait")),
        ({"steps": [{"name": "a", "wait": "time"}]}, ("steps[0].wait_ms", "must be given")),
        (
            {"steps": [{"name": "a", "job_type": "echo", "payload": {"text": 1}}]},
            ("steps[0].payload.text", "must be of type string"),
        ),
        (
            {"steps": [{"name": "a", "job_type": "echo", "on_failure_of": {"b": "run"}}]},
            ("steps[0].on_failure_of", "'b' is not one of its deps"),
        ),
        (
            {"steps": [{"name": "a", "job_type": "echo", "queue_name": "defualt"}]},
            ("steps[0].queue_name", "did you mean default"),
        ),
        ({"jobs": [{"job_type": "echo"}]}, ("body", "must have either steps or jobs; with steps it is not open")),
        ({"is_open": True}, ("body", "must have either steps or jobs; with steps it is not open")),
    ],
)
def test_what_is_wrong_with_a_workflow_is_named_and_nothing_is_stored(
    api: ApiClients, database: Database, fields: dict[str, Any], fault: tuple[str, str]
) -> None:
    answer = api.submitter.post("/api/workflows", json={"name": "import", "steps": STEPS[:1], **fields})
    assert answer.status_code == 400
    told = [(one["field"], one["rule"]) for one in answer.json()["errors"]]
    assert any(field == fault[0] and fault[1] in rule for field, rule in told), told
    assert rows(database, "SELECT FROM jobs") == rows(database, "SELECT FROM workflows") == []


def test_a_signal_is_taken_once_and_by_a_step_that_waits_alone(api: ApiClients) -> None:
    made = start(api)
    path = f"/api/workflows/{made['id']}/steps"
    signalled = api.operator.post(f"{path}/approve/signal", json={"payload": {"by": "Eve"}})
    assert (signalled.status_code, signalled.json()["id"]) == (200, made["id"])
    again = api.operator.post(f"{path}/approve/signal", json={})
    assert (again.status_code, "signalled already" in again.json()["detail"]) == (409, True)
    assert api.operator.post(f"{path}/ask/signal", json={}).status_code == 409
    assert api.operator.post(f"{path}/nobody/signal", json={}).status_code == 404
    assert api.operator.post(f"/api/workflows/{uuid4()}/steps/approve/signal", json={}).status_code == 404
    assert api.viewer.get(f"/api/workflows/{uuid4()}/graph").status_code == 404


def test_a_unique_key_brings_the_workflow_back_with_200(api: ApiClients, database: Database) -> None:
    first = start(api, unique_key="k")
    again = api.submitter.post("/api/workflows", json={"name": "import", "steps": STEPS, "unique_key": "k"})
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert len(rows(database, "SELECT FROM jobs")) == 4


def test_who_submits_signals_cancels_and_retries_is_in_the_audit_log(api: ApiClients, database: Database) -> None:
    made = start(api)
    path = f"/api/workflows/{made['id']}"
    assert api.operator.post(f"{path}/steps/approve/signal", json={"payload": 1}).status_code == 200
    assert api.operator.delete(path, params={"reason": "wrong"}).status_code == 200
    with database.connection() as connection:
        workflows.settle(connection)
    assert api.operator.post(f"{path}/retry-failed", params={"reason": "right"}).status_code == 200
    entries = api.admin.get("/api/audit-log", params={"subject_type": "workflow"}).json()["items"]
    assert [(entry["action"], entry["actor"], entry["reason"]) for entry in reversed(entries)] == [
        ("workflow.create", "the-submitter", None),
        ("workflow.signal", "the-operator", None),
        ("workflow.cancel", "the-operator", "wrong"),
        ("workflow.retry", "the-operator", "right"),
    ]
    assert {entry["subject_id"] for entry in entries} == {made["id"]}
    assert entries[-1]["after"] == {"name": "import", "jobs": 4}
    assert entries[-2]["after"]["step"] == "approve"
    states = {step["name"]: step["status"] for step in api.viewer.get(f"{path}/graph").json()["steps"]}
    assert states == {"ask": "pending", "approve": "pending", "pause": "pending", "tell": "pending"}
