"""`aeon-jobs exporter`, and the switch that turns metrics off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import httpx
import pytest
import redis
from litestar.testing import TestClient

from aeon_jobs.api.http.app import create_app
from aeon_jobs.ops.cli.commands.processes import exporter
from aeon_jobs.ops.ports import first_free
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings, get_settings

COMMAND = [sys.executable, "-m", "aeon_jobs", "exporter"]


def test_the_exporter_serves_without_a_key_and_without_servers_and_stops_at_once() -> None:
    port = first_free("127.0.0.1", 19_200)
    nowhere = {"DATABASE_URL": "postgresql://u@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"}
    process = subprocess.Popen(COMMAND, env={**os.environ, **nowhere, "METRICS_PORT": str(port)})
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            wait_until_live(client)
            scraped = client.get("/metrics")
            assert scraped.status_code == 200
            assert scraped.headers["content-type"].startswith("text/plain; version=0.0.4")
            assert 'aeon_jobs_dependency_up{dependency="postgres"} 0.0' in scraped.text
            assert 'aeon_jobs_dependency_up{dependency="redis"} 0.0' in scraped.text
            assert client.head("/metrics").content == b""
            assert client.get("/").status_code == 404
            assert client.post("/metrics").status_code == 405
    finally:
        process.send_signal(signal.SIGTERM)
        # As uvicorn ends after a signal, and so as `aeon-jobs api`.
        assert process.wait(10) in (0, -signal.SIGTERM)


def wait_until_live(client: httpx.Client) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            assert client.get("/health/live").text == "ok\n"
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def test_with_monitoring_disabled_there_is_no_exporter(
    environment: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MONITORING_ENABLED", "false")
    get_settings.cache_clear()
    exporter()
    assert capsys.readouterr().err.strip() == "MONITORING_ENABLED=false: no exporter here"


@pytest.mark.parametrize("enabled", [True, False])
def test_with_monitoring_disabled_the_api_has_no_metrics(
    environment: Settings, database: Database, redis_client: redis.Redis, enabled: bool
) -> None:
    with database.connection() as connection:
        key = api_keys.create(connection, "prometheus", "viewer")
    app = create_app(environment.model_copy(update={"monitoring_enabled": enabled}))
    with TestClient(app) as client:
        answer = client.get("/metrics", headers={"authorization": f"Bearer {key}"})
        assert client.get("/metrics").status_code == 401
    assert answer.status_code == (200 if enabled else 404)
    if not enabled:
        assert "MONITORING_ENABLED=false" in answer.json()["detail"]
