"""Names that are nearly right, fields that may not be null, words of the rules: what a caller is told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from litestar.testing import TestClient

from aeon_jobs.api.http.app import create_app
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.models import JobType
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import job_types, queues, workers
from tests.integration.conftest import ECHO, ApiClients
from tests.waiting import wait_for


def _rule(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()["errors"][0]["rule"])


def test_a_misspelt_queue_is_refused_and_the_right_one_is_named(api: ApiClients) -> None:
    assert "did you mean default?" in _rule(api.submitter.post("/api/jobs", json={**_JOB, "queue_name": "defualt"}))
    many = api.submitter.post("/api/jobs/bulk", json={"jobs": [_JOB, {**_JOB, "queue_name": "defualt"}]})
    assert many.json()["errors"][0]["field"] == "jobs[1].queue_name"
    for answer in (
        api.operator.post("/api/queues/defualt/pause", json={}),
        api.operator.patch("/api/queues/defualt", json={"max_running": 1}),
        api.operator.post("/api/queues/defualt/purge", json={}),
    ):
        assert (answer.status_code, answer.json()["detail"]) == (404, "no queue 'defualt'; did you mean default?")
    assert [queue["name"] for queue in api.viewer.get("/api/queues").json()["items"]] == ["default"]


def test_a_queue_that_nothing_uses_is_deleted_and_one_that_is_used_is_not(api: ApiClients, database: Database) -> None:
    with database.transaction() as connection:
        queues.limit(connection, "phantom", 1)
        queues.limit(connection, "default", 1)

    assert api.operator.delete("/api/queues/phantom").status_code == 204
    assert api.operator.delete("/api/queues/phantom").status_code == 404
    refused = api.operator.delete("/api/queues/default")
    assert (refused.status_code, refused.json()["state"]) == (409, "in_use")
    assert api.viewer.get("/api/queues/default").json()["max_running"] == 1
    assert [entry["action"] for entry in api.admin.get("/api/audit-log").json()["items"]] == ["queue.delete"]


def test_a_queue_is_purged_of_what_waits(api: ApiClients, database: Database) -> None:
    waiting = [api.submitter.submit() for _ in range(3)]

    foretold = api.operator.post("/api/queues/default/purge", json={"dry_run": True}).json()
    done = api.operator.post("/api/queues/default/purge", json={"reason": "wrong template"}).json()

    assert (foretold["changed"], foretold["dry_run"], done["changed"], done["more"]) == (3, True, 3, False)
    job = api.viewer.get(f"/api/jobs/{waiting[0]}").json()
    assert (job["status"], job["cancel_reason"]) == ("cancelled", "wrong template")


@pytest.mark.parametrize("field", ["priority", "scheduled_at"])
def test_null_changes_nothing_and_is_refused(api: ApiClients, field: str) -> None:
    job_id = api.submitter.submit()

    answer = api.operator.patch(f"/api/jobs/{job_id}", json={field: None})

    assert _rule(answer) == "must not be null: leave the field out to keep what is there"
    schedule = {"name": "s", "job_type": "echo", "cron": "0 0 * * *"}
    location = api.operator.post("/api/schedules", json=schedule).headers["location"]
    assert _rule(api.operator.patch(location, json={"cron": None})).startswith("must not be null")


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ("/api/jobs?limit=201", "must be a whole number from 1 to 200"),
        ("/api/jobs?limit=x", "must be a whole number from 1 to 200"),
        ("/api/jobs?sort=payload", "must be created_at, updated_at or priority"),
        ("/api/jobs?status=lost", "must be pending, queued, running, completed, failed or cancelled"),
        ("/api/jobs?total=perhaps", "must be true or false"),
        ("/api/workers?kind=robot", "must be worker, dispatcher, scheduler or api"),
        ("/api/jobs?created_by=", "must be 1 to 255 characters"),
        ("/api/jobs?workflow_id=x", "must be an id, such as 019460bc-8d3f-7c1a-9a52-3f0e8d6a4b21"),
        (f"/api/jobs?archived=true&workflow_id={UUID(int=7)}", "does not go with archived: no index has it there"),
    ],
)
def test_a_parameter_at_fault_is_told_what_it_must_be(api: ApiClients, query: str, rule: str) -> None:
    assert _rule(api.viewer.get(query)) == rule


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"priority": "5"}, "must be a whole number"),
        ({"priority": 101}, "must be at most 100"),
        ({"payload": []}, "must be a JSON object"),
        ({"on_dependency_failure": "explode"}, "must be 'wait', 'cancel' or 'run'"),
        ({"queue_name": ""}, "must have at least 1 character"),
        ({"depends_on": "x"}, "must be a list"),
        ({"bogus": 1}, "is not a known field"),
    ],
)
def test_a_field_at_fault_is_told_what_it_must_be(api: ApiClients, fields: dict[str, Any], rule: str) -> None:
    assert _rule(api.submitter.post("/api/jobs", json={**_JOB, **fields})) == rule


def test_jobs_are_found_by_the_beginning_of_their_id(api: ApiClients) -> None:
    job_id = api.submitter.submit()

    found = api.viewer.get(f"/api/jobs/by-prefix/{str(job_id)[:20]}").json()

    assert [job["job_id"] for job in found["items"]] == [str(job_id)]
    assert api.viewer.get("/api/jobs/by-prefix/00000000").json()["items"] == []
    assert (
        _rule(api.viewer.get("/api/jobs/by-prefix/nobody")) == "must be the first 4 to 32 hexadecimal digits of an id"
    )


def test_many_waiting_jobs_get_another_priority(api: ApiClients) -> None:
    ids = [str(api.submitter.submit(metadata={"tenant": "t1"})) for _ in range(3)]
    api.operator.delete(f"/api/jobs/{ids[2]}")

    body = {"filter": {"metadata": {"tenant": "t1"}}, "priority": 90}
    foretold = api.operator.post("/api/jobs/bulk/change", json={**body, "dry_run": True}).json()
    done = api.operator.post("/api/jobs/bulk/change", json=body).json()

    assert (foretold["changed"], done["changed"]) == (2, 2)
    assert [api.viewer.get(f"/api/jobs/{job_id}").json()["priority"] for job_id in ids] == [90, 90, 50]
    again = api.operator.post("/api/jobs/bulk/change", json={"ids": ids, "priority": 80}).json()
    assert [item["outcome"] for item in again["items"]] == ["done", "done", "wrong_state"]
    assert api.operator.post("/api/jobs/bulk/change", json={"ids": ids}).status_code == 400


def test_a_type_without_an_example_has_one_that_can_be_submitted(api: ApiClients, database: Database) -> None:
    fields = ECHO.model_dump(exclude={"created_at", "updated_at"})
    schema = {**ECHO.payload_schema, "required": ["times"]}
    bare = JobType(**{**fields, "name": "bare", "example": {}, "payload_schema": schema})
    with database.transaction() as connection:
        job_types.register(connection, [bare])

    example = api.viewer.get("/api/job-types/bare").json()["example"]

    assert example.keys() == {"times"}
    assert api.submitter.submit(job_type="bare", payload=example)


def test_the_api_process_is_in_the_list_and_leaves_it_when_it_ends(environment: Settings, database: Database) -> None:
    app = create_app(environment.model_copy(update={"api_auth_enabled": False}))
    with TestClient(app) as client:
        wait_for(lambda: client.get("/api/workers?kind=api").json()["items"], "it announced itself")
        (process,) = client.get("/api/workers?kind=api").json()["items"]
        assert (process["alive"], process["state"]) == (True, "running")
    with database.connection() as connection:
        assert [(row.id, row.state) for row in workers.every(connection)] == [(process["id"], "stopped")]


def test_either_header_is_a_security_scheme(api: ApiClients) -> None:
    document = api.nobody.get("/api/openapi.json").json()
    schemes = document["components"]["securitySchemes"].values()
    assert {(scheme["type"], scheme.get("name")) for scheme in schemes} == {("http", None), ("apiKey", "X-API-Key")}
    assert document["paths"]["/api/schedules"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/SchedulePage"
    }


_JOB = {"job_type": "echo"}
