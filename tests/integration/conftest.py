"""The API as its clients see it: `api.viewer`, `api.operator` … are clients with a key of that role. And `cli`, the command
line: once with the database behind it, once with an API.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest
import redis
from litestar.testing import TestClient

from aeon_jobs.api.http.app import Api, create_app
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.models import JobType
from aeon_jobs.persistence.core.settings import Settings, get_settings
from aeon_jobs.persistence.queue import job_types
from tests.api_server import running_api
from tests.reused_database import database_url, reused_database  # noqa: F401
from tests.terminal import Terminal

if TYPE_CHECKING:
    from tests.spans import Spans

ECHO = JobType(
    name="echo",
    queue_name="default",
    description="Says it again.",
    payload_schema={
        "type": "object",
        "properties": {"text": {"type": "string"}, "times": {"type": "integer", "minimum": 1}},
        "additionalProperties": False,
    },
    example={"text": "hello"},
    priority=50,
    max_retries=3,
    timeout_ms=300_000,
)


class ApiClient:
    """Sends one key, or none."""

    def __init__(self, client: TestClient[Api], key: str | None) -> None:
        self._client, self.key = client, key

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        authorization = {"authorization": f"Bearer {self.key}"} if self.key else {}
        return self._client.request(
            method, path, **{**options, "headers": {**authorization, **options.get("headers", {})}}
        )

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def patch(self, path: str, **options: Any) -> httpx.Response:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)

    def submit(self, **fields: Any) -> UUID:
        answer = self.post("/api/jobs", json={"job_type": "echo", **fields})
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["job_id"])


@dataclass(frozen=True)
class ApiClients:
    app: Api
    client: TestClient[Api]
    nobody: ApiClient
    viewer: ApiClient
    submitter: ApiClient
    operator: ApiClient
    admin: ApiClient

    def of_role(self, role: str) -> ApiClient:
        return getattr(self, role)  # type: ignore[no-any-return]


@pytest.fixture
def dashboard_enabled() -> bool:
    """Its routes would double the time that it takes to build the API."""
    return False


@pytest.fixture
def api(
    environment: Settings, database: Database, redis_client: redis.Redis, dashboard_enabled: bool
) -> Iterator[ApiClients]:
    with database.transaction() as connection:
        job_types.register(connection, [ECHO])
        keys = {role: api_keys.create(connection, f"the-{role}", role) for role in api_keys.ROLES}
    app = create_app(
        environment.model_copy(update={"api_auth_failure_limit": 0, "dashboard_enabled": dashboard_enabled})
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        clients = {role: ApiClient(client, key) for role, key in keys.items()}
        yield ApiClients(app=app, client=client, nobody=ApiClient(client, None), **clients)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """Switches tracing on. Name it before `harness` and `api`."""
    from tests.spans import recorded

    monkeypatch.setenv("TRACING_ENABLED", "true")
    get_settings.cache_clear()
    with recorded() as spans:
        yield spans


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(monkeypatch, capsys)


@pytest.fixture(params=["database", "api"])
def cli(
    request: pytest.FixtureRequest,
    environment: Settings,
    database: Database,
    redis_client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    terminal: Terminal,
) -> Iterator[Terminal]:
    with database.transaction() as connection:
        job_types.register(connection, [ECHO])
        key = api_keys.create(connection, "the-admin", "admin")
    if request.param == "database":
        yield terminal
        return
    secret = tmp_path / "key"
    secret.write_text(key)
    with running_api(environment.model_copy(update={"dashboard_enabled": False})) as server:
        monkeypatch.setenv("AEON_JOBS_API", server.address)
        monkeypatch.setenv("AEON_JOBS_API_KEY_FILE", str(secret))
        yield terminal
