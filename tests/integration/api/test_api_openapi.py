"""The document, its page, and the collection made from it say what the API does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from aeon_jobs.api.http.examples import EXAMPLES
from aeon_jobs.ops.postman.__main__ import FILE, current
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.models import JobType
from aeon_jobs.persistence.queue import job_types
from tests.integration.conftest import ApiClients

STATIC = Path(__file__).parents[3] / "api" / "http" / "static"


@pytest.fixture
def dashboard_enabled() -> bool:
    return True


@pytest.fixture
def document(api: ApiClients) -> dict[str, Any]:
    answer = api.nobody.get("/api/openapi.json")
    assert answer.status_code == 200
    return answer.json()  # type: ignore[no-any-return]


def test_every_route_is_described_with_its_role_errors_and_an_example(
    api: ApiClients, document: dict[str, Any]
) -> None:
    assert document["openapi"] == "3.1.0"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["tags"], where
            statuses = set(operation["responses"])
            assert {"400", "500", "503"} <= statuses, where
            if operation.get("security") != []:
                assert operation["x-role"] in {"viewer", "submitter", "operator", "admin"}
                assert {"401", "403", "429"} <= statuses, where
            if "requestBody" in operation:
                assert {"413", "415"} <= statuses, where
                assert operation["requestBody"]["content"]["application/json"]["examples"], where


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_the_address_alone_leads_browsers_to_the_dashboard(api: ApiClients) -> None:
    answer = api.nobody.get("/", headers={"Accept": BROWSER}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"], answer.headers["vary"]) == (303, "/dashboard", "Accept")


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_the_address_alone_is_json_for_programs(api: ApiClients, accept: str) -> None:
    answer = api.nobody.get("/", headers={"Accept": accept})
    assert answer.headers["content-type"] == "application/json"
    links = {name: path for name, path in answer.json().items() if str(path).startswith("/")}
    assert links["openapi"] == "/api/openapi.json"
    assert {api.viewer.get(link).status_code for link in links.values()} == {200}
    assert answer.headers["vary"] == "Accept"


def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        node: Any = document
        for part in reference.split("/"):
            node = node[part]


def test_every_example_is_valid_and_accepted(api: ApiClients, database: Database, document: dict[str, Any]) -> None:
    with database.transaction() as connection:
        schema = {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}}
        email = JobType(name="email_notification", queue_name="default", payload_schema=schema)
        email.priority, email.max_retries, email.timeout_ms = 50, 3, 300_000
        job_types.register(connection, [email])
    job_id = api.submitter.submit()
    schedule = api.operator.post("/api/schedules", json={"name": "s", "job_type": "echo", "cron": "0 0 * * *"}).json()
    waiting = {"name": "import", "steps": [{"name": "ok", "wait": "signal"}]}
    workflow = api.submitter.post("/api/workflows", json=waiting).json()
    ids = {"job_id": str(job_id), "schedule_id": schedule["id"], "name": "default", "dead_letter_id": "1"}
    ids |= {"workflow_id": workflow["id"], "step": "ok"}
    for operation, example in EXAMPLES.items():
        method, path = operation.split()
        body = document["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]
        with_definitions = {**body["schema"], "components": document["components"]}
        assert not list(Draft202012Validator(with_definitions).iter_errors(example)), operation
        named = {"name": "echo"} if "job-types" in path else {}
        answer = api.admin.request(method, path.format(**{**ids, **named}), json=example)
        # There is no dead letter to requeue here.
        assert answer.status_code in ({404} if "dead_letter_id" in path else {200, 201}), (operation, answer.text)


def test_the_page_and_all_it_loads_come_from_here(api: ApiClients) -> None:
    page = api.nobody.get("/api/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href|data-schema)="([^"]+)"', page.text)
    assert len(loaded) == 5
    for address in loaded:
        assert address.startswith(("/api/", "data:")), address
        if address.startswith("/"):
            assert api.nobody.get(address).status_code == 200, address
    assert api.nobody.get("/api/docs/../app.py").status_code == 404
    assert api.nobody.get("/api/docs/swagger-ui.LICENSE").status_code == 404


def test_the_postman_collection_is_what_the_document_says(document: dict[str, Any]) -> None:
    assert FILE.read_text() == current(), "run python -m aeon_jobs.ops.postman"
    requests = [request for folder in json.loads(FILE.read_text())["item"] for request in folder["item"]]
    assert len(requests) == sum(len(operations) for operations in document["paths"].values())


def test_the_vendored_files_name_their_licence_and_no_other_host() -> None:
    assert "Apache License" in (STATIC / "swagger-ui.LICENSE").read_text()
    assert "sourceMappingURL" not in (STATIC / "swagger-ui.css").read_text()


def test_the_guide_names_every_route_with_its_role(document: dict[str, Any]) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            role = operation.get("x-role", "\N{EN DASH}")
            assert f"`{method.upper()} {path}`" in guide, f"{method} {path} is missing"
            line = next(line for line in guide.splitlines() if f"`{method.upper()} {path}`" in line and "|" in line)
            assert f"| {role} |" in line, line
