"""The API as a process: it stops while a client listens, and answers a fuzzer as its document says."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
import redis

from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import job_types
from tests.integration.conftest import ECHO

SERVER = (
    "import uvicorn; uvicorn.run('aeon_jobs.api.http.app:create_app', factory=True, port={port}, log_level='warning')"
)
SCHEMATHESIS = shutil.which("schemathesis", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")


@contextmanager
def _serving(**environment: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SERVER.format(port=port)], env={**os.environ, **environment})
    url = f"http://127.0.0.1:{port}"
    try:
        _until_live(url)
        yield process, url
    finally:
        process.kill()
        process.wait()


def _until_live(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"{url}/health/live").raise_for_status()
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def key(environment: Settings, database: Database, redis_client: redis.Redis) -> str:
    with database.transaction() as connection:
        job_types.register(connection, [ECHO])
        return api_keys.create(connection, "tester", "admin")


def test_a_server_that_is_told_to_stop_ends_its_streams(key: str) -> None:
    headers = {"authorization": f"Bearer {key}"}
    with _serving() as (process, url), httpx.stream("GET", f"{url}/api/events", headers=headers) as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": listening"
        process.send_signal(signal.SIGTERM)
        assert list(lines) is not None  # the stream ends, and it ends whole
        process.wait(5)
        assert process.returncode in {0, -signal.SIGTERM}


PHASES = ("examples,coverage,fuzzing", "20") if os.environ.get("REHEARSE_API") else ("examples,fuzzing", "2")
"""What `make test` has time for. `make rehearse-api` also tries every border of every field."""


@pytest.mark.skipif(SCHEMATHESIS is None, reason="schemathesis is not installed")
@pytest.mark.timeout(600)
def test_schemathesis_finds_no_fault(key: str, tmp_path: Path) -> None:
    # An answer that is awaited for a minute tells a fuzzer nothing; a random job type is right to be refused.
    (tmp_path / "schemathesis.toml").write_text('[parameters]\n"query.wait" = 0\n')
    with _serving(API_RATE_LIMIT="0", API_AUTH_FAILURE_LIMIT="0") as (_, url):
        assert SCHEMATHESIS is not None
        command = [
            SCHEMATHESIS,
            *("--config-file", str(tmp_path / "schemathesis.toml")),
            *("run", f"{url}/api/openapi.json", "--header", f"Authorization: Bearer {key}"),
            *("--phases", PHASES[0], "--max-examples", PHASES[1], "--seed", "1"),
            *("--exclude-path-regex", "events$", "--exclude-checks", "positive_data_acceptance"),
        ]
        finished = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert finished.returncode == 0, finished.stdout[-8_000:]


def test_events_of_all_jobs_arrive_and_go_on_where_they_stopped(key: str, database: Database) -> None:
    headers = {"authorization": f"Bearer {key}"}
    with _serving() as (_, url):
        with httpx.stream("GET", f"{url}/api/events?job_type=echo", headers=headers, timeout=20) as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": listening"
            httpx.post(f"{url}/api/jobs", json={"job_type": "echo"}, headers=headers).raise_for_status()
            first = next(line for line in lines if line.startswith("id: ")).removeprefix("id: ")
        second = httpx.post(f"{url}/api/jobs", json={"job_type": "echo"}, headers=headers).json()["job_id"]
        again = {**headers, "last-event-id": first}
        with httpx.stream("GET", f"{url}/api/events?job_type=echo", headers=again, timeout=20) as stream:
            missed = next(line for line in stream.iter_lines() if line.startswith("id: "))
    assert missed.endswith(second)


def test_head_and_options_are_answered_whole_by_a_real_server(key: str) -> None:
    headers = {"authorization": f"Bearer {key}"}
    with _serving() as (_, url), httpx.Client(base_url=url, headers=headers, timeout=10) as client:
        for _attempt in range(2):  # on one connection: the first answer must have ended
            head = client.head("/api/jobs")
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == client.get("/api/jobs").headers["content-length"]
            assert client.head("/api/events").headers["content-type"].startswith("text/event-stream")
            job = client.post("/api/jobs", json={"job_type": "echo"}).headers["location"]
            etag = client.get(job).headers["etag"]
            assert client.get(job, headers={"if-none-match": etag}).content == b""
            options = client.options("/api/jobs")
            assert options.status_code == 204
            assert {"GET", "HEAD", "POST"} <= set(options.headers["allow"].split(", "))
