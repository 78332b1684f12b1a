"""What strangers send is bounded before it is held: a real API process stays below the 256 MB of its container, and answers.

Each attack runs while a thread asks `/health/live` again and again.
"""

from __future__ import annotations

import json
import resource
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest

from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings, load_settings
from aeon_jobs.persistence.queue import job_types
from tests.api_process import ApiProcess, api_process
from tests.conftest import database_from
from tests.integration.conftest import ECHO
from tests.leaks import ignore
from tests.rows import value

CONTAINER_MB = 256


@pytest.fixture(scope="module")
def settings_of_module(postgres_url: str, _template: str, redis_url: str) -> Iterator[Settings]:
    """One process for all attacks: a database for the module."""
    with database_from(_template, postgres_url) as url:
        yield load_settings(database_url=url, redis_url=redis_url)


@pytest.fixture(scope="module")
def key(settings_of_module: Settings) -> str:
    database = Database(settings_of_module.postgres_dsn)
    with database.transaction() as connection:
        job_types.register(connection, [ECHO])
        key = api_keys.create(connection, "tester", "admin")
    database.dispose()
    return key


@pytest.fixture(scope="module")
def process(settings_of_module: Settings) -> Iterator[ApiProcess]:
    with served(settings_of_module, API_MAX_STREAMS="3") as api:
        ignore(api.pid)
        yield api


@contextmanager
def served(settings: Settings, **environment: str) -> Iterator[ApiProcess]:
    with api_process(DATABASE_URL=settings.postgres_dsn, REDIS_URL=settings.redis_dsn, **environment) as api:
        yield api


@pytest.fixture
def api(process: ApiProcess) -> Iterator[ApiProcess]:
    """The process under attack. In the end it runs, was live all the time, and never held more than its container has."""
    process.forget_peak()
    answers = list[bool]()
    is_over = threading.Event()

    def look() -> None:
        while True:
            answers.append(process.is_live())
            if is_over.wait(0.05):
                return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield process
    finally:
        is_over.set()
        thread.join()
    assert process.is_running
    assert all(answers)
    print(f"peak: {process.peak_mb} MB")
    assert process.peak_mb < CONTAINER_MB


def answer_to(api: ApiProcess, *pieces: bytes) -> bytes:
    """What comes back, also when the connection ends in the middle of the pieces."""
    with api.connect() as connection:
        with suppress(OSError):
            for piece in pieces:
                connection.sendall(piece)
        return received(connection)


def received(connection: socket.socket) -> bytes:
    text = b""
    with suppress(OSError):
        while piece := connection.recv(65_536):
            text += piece
    return text


def test_a_header_of_100_mb_is_refused(api: ApiProcess) -> None:
    answer = answer_to(api, b"GET / HTTP/1.1\r\nX: ", *[b"x" * 1_000_000] * 100)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"65536 bytes" in answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(101)) + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 66_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 200_000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=" + b"x" * 200_000,
    ],
    ids=["path", "headers", "one header", "trailer", "chunk extension"],
)
def test_a_large_head_is_refused(api: ApiProcess, head: bytes) -> None:
    answer = answer_to(api, head)
    assert b"HTTP/1.1 431 " in answer or b"HTTP/1.1 404 " in answer, answer[:200]
    assert len(answer) < 2_000


@pytest.fixture
def many_files() -> Iterator[None]:
    """The usual soft limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4_096, hard)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_more_unfinished_heads_than_connections(api: ApiProcess) -> None:
    with ExitStack() as connections:
        for _ in range(1_500):
            connection = connections.enter_context(api.connect())
            with suppress(OSError):
                connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 60_000)


def test_5_000_requests_in_a_row_without_reading(api: ApiProcess) -> None:
    answer_to(api, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 5_000)


def test_slow_heads_and_bodies_end(settings_of_module: Settings, key: str) -> None:
    head = f"POST /api/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    with served(settings_of_module, API_HEADER_TIMEOUT="300", API_BODY_TIMEOUT="300") as api:
        assert answer_to(api, b"") == b""
        assert answer_to(api, b"GET / HTTP/1.1\r\nX:").startswith(b"HTTP/1.1 408 ")
        assert answer_to(api, head.encode() + b"Content-Length: 100\r\n\r\n{").startswith(b"HTTP/1.1 408 ")


def test_a_body_that_nobody_wants_is_not_held(api: ApiProcess) -> None:
    head = b"POST /api/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 40000000\r\n\r\n"
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: answer_to(api, head, *[b"x" * 1_000_000] * 40), range(5)))
    assert {answer[:13] for answer in answers} == {b"HTTP/1.1 401 "}


def test_values_that_are_larger_than_their_text(api: ApiProcess, key: str) -> None:
    """Each pair of brackets of this JSON takes 100 bytes."""
    lists = "[" * 50 + "]" * 50
    many = ",".join([lists] * 10_000)
    job = f'{{"job_type": "echo", "payload": {{"text": [{many}]}}}}'
    bulk = f'{{"jobs": [{",".join([job] * 2)}]}}'
    one = f'{{"jobs": [{many},{",".join([many] * 4)}]}}'
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def send(path: str, body: str) -> int:
        return httpx.post(f"{api.address}{path}", content=body, headers=headers, timeout=120).status_code

    with ThreadPoolExecutor(12) as threads:
        requests = [("/api/jobs", job), ("/api/jobs/bulk", bulk), ("/api/jobs/bulk", one)]
        assert set(threads.map(lambda request: send(*request), requests)) <= {400, 503}


def test_answers_that_nobody_reads(api: ApiProcess) -> None:
    with ExitStack() as connections:
        for _ in range(100):
            connection = connections.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.connect(("127.0.0.1", api.port))
            connection.sendall(b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 8)
            with suppress(ConnectionError):  # the slowest have to go
                assert connection.recv(1)


def test_a_key_has_a_limited_number_of_streams(api: ApiProcess, key: str) -> None:
    headers = {"authorization": f"Bearer {key}"}
    with ExitStack() as streams, httpx.Client(timeout=30) as client:
        statuses = [
            streams.enter_context(client.stream("GET", f"{api.address}/api/events", headers=headers)).status_code
            for _ in range(5)
        ]
        assert statuses == [200, 200, 200, 429, 429]


def test_six_bulks_of_10_000_at_once(api: ApiProcess, key: str, settings_of_module: Settings) -> None:
    """Each is stored whole, or refused for now because the others take too long."""
    job = {"job_type": "echo", "payload": {"text": "x" * 60}, "metadata": {"customer": 17, "region": "north"}}
    body = json.dumps({"jobs": [job] * 10_000})
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def submit() -> int:
        return httpx.post(f"{api.address}/api/jobs/bulk", content=body, headers=headers, timeout=120).status_code

    with ThreadPoolExecutor(6) as threads:
        statuses = list(threads.map(lambda _: submit(), range(6)))
    assert set(statuses) <= {201, 503}
    database = Database(settings_of_module.postgres_dsn)
    stored = value(database, "SELECT count(*) FROM jobs WHERE metadata @> '{\"customer\": 17}'")
    database.dispose()
    assert stored == 10_000 * statuses.count(201) > 0
