"""The Python client against the real API behind a real uvicorn."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis

from aeon_jobs.api.client import (
    AsyncClient,
    Client,
    Conflict,
    ConnectionFailed,
    DeadLetterFilter,
    Forbidden,
    IdempotencyKeyReused,
    InvalidRequest,
    JobFilter,
    JobNotOver,
    NewJob,
    NotFound,
    Retries,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    WrongState,
)
from aeon_jobs.persistence.admin import api_keys
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.queue import job_types, queues
from aeon_jobs.persistence.queue.states import Failure, failed
from tests.api_server import ApiServer, running_api
from tests.integration.conftest import ECHO
from tests.rows import end, rows, start, value
from tests.waiting import wait_for

COMPLETE = "UPDATE jobs SET status = 'completed', completed_at = now(), result = '42' WHERE id = :id"


@pytest.fixture
def server(environment: Settings, redis_client: redis.Redis) -> Iterator[ApiServer]:
    with running_api(environment) as server:
        yield server


@pytest.fixture
def keys(database: Database) -> dict[str, str]:
    with database.transaction() as connection:
        job_types.register(connection, [ECHO])
        return {role: api_keys.create(connection, f"the-{role}", role) for role in api_keys.ROLES}


@pytest.fixture
def client(server: ApiServer, keys: dict[str, str]) -> Iterator[Client]:
    with Client(server.address, keys["admin"]) as client:
        yield client


def _dead(database: Database, client: Client) -> Any:
    """A job that failed for good; its id."""
    job_id = client.submit("echo", {"text": "doomed"}, max_retries=0).job_id
    (claimed,) = start(database, job_id)
    assert end(database, claimed, failed(Failure("Boom", "it broke"), retries_left=0, delay_ms=0))
    return job_id


def _completes(database: Database, job_id: Any) -> threading.Thread:
    return threading.Thread(target=lambda: rows(database, COMPLETE, id=job_id))


# --- the life of a job --------------------------------------------------------------------------


def test_a_job_is_submitted_found_listed_and_cancelled(client: Client) -> None:
    due = datetime.now(UTC) + timedelta(hours=1)
    submitted = client.submit("echo", {"text": "hi"}, priority=75, scheduled_at=due, metadata={"order": 7})
    assert (submitted.status, submitted.is_new) == ("pending", True)

    job = client.get(submitted.job_id)
    assert (job.payload, job.priority, job.scheduled_at, job.metadata) == ({"text": "hi"}, 75, due, {"order": 7})
    assert job.created_by == "the-admin"
    assert [found.job_id for found in client.list(JobFilter(status=["pending"], metadata={"order": 7}))] == [job.job_id]
    assert list(client.list(JobFilter(status=["failed", "completed"]))) == []
    assert client.explain(job.job_id).reasons[0].code == "not_due"

    cancelled = client.cancel(job.job_id, reason="changed my mind")
    assert (cancelled.status, cancelled.cancel_reason) == ("cancelled", "changed my mind")
    with pytest.raises(WrongState) as refused:
        client.cancel(job.job_id)
    assert refused.value.state == "cancelled"
    assert client.requeue(job.job_id).status == "pending"


def test_a_list_goes_through_all_pages(client: Client) -> None:
    submitted = client.submit_many([NewJob(job_type="echo", payload={"times": n + 1}) for n in range(7)])
    assert len({job.job_id for job in submitted}) == 7
    listed = [job.job_id for job in client.list(limit=3, descending=False)]
    assert sorted(listed) == sorted(job.job_id for job in submitted)


def test_waiting_ends_with_the_job(client: Client, database: Database) -> None:
    job_id = client.submit("echo").job_id
    with pytest.raises(JobNotOver) as still:
        client.wait(job_id, timeout_s=0)
    assert still.value.job.status == "pending"
    completing = _completes(database, job_id)
    completing.start()
    job = client.wait(job_id, timeout_s=30)
    completing.join()
    assert (job.status, job.result) == ("completed", 42)


def test_events_tell_each_change_until_the_end(client: Client, database: Database) -> None:
    job_id = client.submit("echo").job_id
    seen = []
    for event in client.events(job_id):
        seen.append(event.job.status)
        if event.job.status == "pending":
            rows(database, COMPLETE, id=job_id)
    assert seen == ["pending", "completed"]
    assert list(client.events(job_id, last_event_id=event.id)) == []


def test_events_of_all_jobs_are_filtered(client: Client, database: Database) -> None:
    before = f"0-{uuid4()}"
    client.submit("echo")
    with database.transaction() as connection:
        queues.limit(connection, "other", 1)
    wanted = client.submit("echo", queue_name="other").job_id
    event = next(iter(client.all_events(JobFilter(queue_name="other"), last_event_id=before)))
    assert event.job.job_id == wanted


def test_dead_letters_are_found_mended_and_discarded(client: Client, database: Database) -> None:
    mended, dropped = _dead(database, client), _dead(database, client)
    found = {
        dead_letter.job_id: dead_letter for dead_letter in client.dead_letters(DeadLetterFilter(error_type="Boom"))
    }
    assert found.keys() == {mended, dropped}
    whole = client.dead_letter(found[mended].id)
    assert (whole.reason, whole.payload, len(whole.executions)) == ("exhausted", {"text": "doomed"}, 1)
    assert sum(group.open for group in client.failure_groups().items) == 2

    with pytest.raises(InvalidRequest) as refused:
        client.requeue_dead_letter(whole.id, payload={"text": 5})
    assert refused.value.errors == [("payload.text", "must be of type string")]
    assert client.requeue_dead_letter(whole.id, payload={"text": "better"}).payload == {"text": "better"}
    client.discard_dead_letter(found[dropped].id, reason="no use")
    assert list(client.dead_letters()) == []


def test_many_jobs_are_changed_at_once_after_a_look(client: Client) -> None:
    ids = [client.submit("echo").job_id for _ in range(3)]
    foretold = client.cancel_many(JobFilter(job_type="echo"), dry_run=True)
    assert (foretold.dry_run, foretold.changed) == (True, 3)
    assert client.cancel_many(ids, reason="all of them").changed == 3
    missing = uuid4()
    answer = client.retry_many([ids[0], missing])
    assert {item.job_id: item.outcome for item in answer.items} == {ids[0]: "done", missing: "not_found"}


def test_schedules_queues_workers_types_and_keys(client: Client, database: Database) -> None:
    schedule = client.create_schedule({"name": "hourly", "job_type": "echo", "cron": "0 * * * *"})
    assert [moment.minute for moment in client.upcoming(schedule.id, 3)] == [0, 0, 0]
    assert client.change_schedule(schedule.id, {"enabled": False}).enabled is False
    with pytest.raises(Conflict):
        client.create_schedule({"name": "hourly", "job_type": "echo", "cron": "0 * * * *"})
    assert client.get(client.run_schedule(schedule.id).job_id).metadata == {"schedule": "hourly"}
    client.delete_schedule(schedule.id)
    assert client.schedules() == []

    assert client.pause_queue("default", reason="a look").pause_reason == "a look"
    assert client.resume_queue("default").paused_at is None
    assert client.limit_queue("default", 5).max_running == 5
    assert [queue.name for queue in client.queues()] == ["default"]
    wait_for(lambda: [process.kind for process in client.workers()] == ["api"], "the API announced itself")
    assert client.job_type("echo").example == {"text": "hello"}
    assert [kind.name for kind in client.job_types()] == ["echo"]
    assert client.metrics().queue_depths.pending == 1

    made = client.create_key("robot", "viewer")
    assert made.key.startswith("aeon_")
    assert made.key not in repr(made)
    assert client.revoke_key(made.id).revoked_by == "the-admin"
    assert made.id in [key.id for key in client.api_keys()]


# --- refusals -----------------------------------------------------------------------------------


def test_every_refusal_has_its_class(server: ApiServer, client: Client, keys: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match=r"payload\.times: must be of type integer") as refused:
        client.submit("echo", {"times": "two"})
    assert refused.value.problem.request_id
    with pytest.raises(NotFound):
        client.get(uuid4())
    client.submit("echo", {"text": "a"}, request_key="k")
    with pytest.raises(IdempotencyKeyReused):
        client.submit("echo", {"text": "b"}, request_key="k")
    with Client(server.address) as nobody, pytest.raises(Unauthorized):
        nobody.metrics()
    with Client(server.address, keys["viewer"]) as viewer, pytest.raises(Forbidden):
        viewer.submit("echo")


def test_another_service_is_told_from_an_api() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("explain"):
            return httpx.Response(302, headers={"location": "https://elsewhere.example"})
        return httpx.Response(200, text="<h1>Welcome to nginx!</h1>")

    with Client("http://elsewhere", transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(UnexpectedAnswer):
            client.queues()
        with pytest.raises(UnexpectedAnswer, match="redirect"):
            client.explain(uuid4())


# --- retries ------------------------------------------------------------------------------------


class LosesAnswers(httpx.HTTPTransport):
    """Sends every request, and loses the answers to the first few."""

    def __init__(self, how_many: int) -> None:
        super().__init__()
        self.left = how_many

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if self.left:
            self.left -= 1
            response.close()
            raise httpx.ReadError("connection reset")
        return response


def test_a_submission_whose_answer_is_lost_is_one_job(
    server: ApiServer, keys: dict[str, str], database: Database
) -> None:
    waits: list[float] = []
    with Client(server.address, keys["submitter"], transport=LosesAnswers(2), sleep=waits.append) as client:
        submitted = client.submit("echo", {"text": "once"})
        assert client.submit("echo", {"text": "once"}).job_id != submitted.job_id
    assert len(waits) == 2
    assert value(database, "SELECT count(*) FROM jobs") == 2
    sent = [key for method, _, key in server.front.requests if method == "POST"]
    assert len(sent) == 4
    assert len(set(sent)) == 2


def test_503_is_tried_again_after_the_time_that_the_server_asks_for(
    server: ApiServer, keys: dict[str, str], database: Database
) -> None:
    server.front.refusals, server.front.retry_after = 3, "7"
    waits: list[float] = []
    with Client(server.address, keys["submitter"], sleep=waits.append) as client:
        submitted = client.submit("echo")
    assert waits == [7.0, 7.0, 7.0]
    assert [row.id for row in rows(database, "SELECT id FROM jobs")] == [submitted.job_id]


def test_a_retry_after_that_is_too_long_is_no_reason_to_wait(server: ApiServer, keys: dict[str, str]) -> None:
    server.front.refusals, server.front.retry_after = 1, "3600"
    with Client(server.address, keys["viewer"]) as client, pytest.raises(Unavailable) as refused:
        client.queues()
    assert refused.value.problem.retry_after_s == 3600


def test_what_is_not_safe_to_repeat_is_not_repeated(server: ApiServer, keys: dict[str, str], client: Client) -> None:
    job_id = client.submit("echo").job_id
    unlucky = Client(server.address, keys["admin"], transport=LosesAnswers(1))
    with unlucky, pytest.raises(ConnectionFailed) as lost:
        unlucky.create_key("twin", "viewer")
    assert lost.value.was_sent
    assert [key.name for key in client.api_keys()].count("twin") == 1
    server.front.refusals = 1
    with pytest.raises(Unavailable):
        client.retry(job_id)


def test_tries_come_to_an_end() -> None:
    client = Client("http://127.0.0.1:9", retries=Retries(most=2), sleep=lambda _: None)
    with client, pytest.raises(ConnectionFailed) as lost:
        client.queues()
    assert not lost.value.was_sent


def test_too_many_requests_are_sent_again_when_the_server_says() -> None:
    answers = [httpx.Response(429, headers={"retry-after": "2"}), httpx.Response(200, json=[])]
    waits: list[float] = []
    transport = httpx.MockTransport(lambda _: answers.pop(0))
    with Client("http://api", transport=transport, sleep=waits.append) as client:
        assert client.queues() == []
    assert waits == [2.0]
    refusing = httpx.MockTransport(lambda _: httpx.Response(429))
    with Client("http://api", transport=refusing, retries=Retries(most=0)) as client, pytest.raises(TooManyRequests):
        client.queues()


class BreaksStreams(httpx.HTTPTransport):
    """Breaks every stream of events after its first one; notes where each began."""

    def __init__(self) -> None:
        super().__init__()
        self.began: list[str | None] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if not request.url.path.endswith("/events"):
            return response
        self.began.append(request.headers.get("last-event-id"))
        return httpx.Response(response.status_code, headers=response.headers, stream=FirstChunk(response.stream))


class FirstChunk(httpx.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield next(iter(self._stream))
        raise httpx.ReadError("connection reset")

    def close(self) -> None:
        self._stream.close()


def test_events_go_on_where_the_connection_broke(server: ApiServer, keys: dict[str, str], database: Database) -> None:
    transport = BreaksStreams()
    with Client(server.address, keys["admin"], transport=transport, sleep=lambda _: None) as client:
        job_id = client.submit("echo").job_id
        seen = []
        for event in client.events(job_id):
            seen.append((event.job.status, event.id))
            if event.job.status == "pending":
                rows(database, COMPLETE, id=job_id)
    assert [status for status, _ in seen] == ["pending", "completed"]
    assert transport.began == [None, seen[0][1]]


# --- the asynchronous twin ----------------------------------------------------------------------


def test_the_asynchronous_client_does_the_same(server: ApiServer, keys: dict[str, str], database: Database) -> None:
    async def story() -> None:
        waits: list[float] = []

        async def pause(seconds: float) -> None:
            waits.append(seconds)

        async with AsyncClient(server.address, keys["admin"], sleep=pause) as client:
            server.front.refusals, server.front.retry_after = 1, "3"
            submitted = await client.submit("echo", {"text": "hi"})
            assert waits == [3.0]
            await client.submit_many([NewJob(job_type="echo") for _ in range(4)])
            assert len([job async for job in client.list(limit=2)]) == 5
            with pytest.raises(InvalidRequest):
                await client.submit("echo", {"text": 5})
            seen = []
            async for event in client.events(submitted.job_id):
                seen.append(event.job.status)
                if event.job.status == "pending":
                    await asyncio.to_thread(rows, database, COMPLETE, id=submitted.job_id)
            assert seen == ["pending", "completed"]
            assert (await client.wait(submitted.job_id, timeout_s=10)).result == 42

    asyncio.run(story())


def test_both_clients_have_the_same_methods() -> None:
    def public(kind: type) -> dict[str, list[str]]:
        members = {name: member for name, member in vars(kind).items() if not name.startswith("_")}
        return {
            name: list(inspect.signature(member).parameters) for name, member in members.items() if callable(member)
        }

    assert public(Client) == public(AsyncClient)


# --- for services that have nothing else of ours ------------------------------------------------


def test_the_client_loads_neither_server_nor_database() -> None:
    heavy = {"litestar", "sqlalchemy", "sqlmodel", "psycopg2", "redis", "dramatiq", "pydantic", "aeon_jobs.persistence"}
    code = f"import sys, aeon_jobs.api.client; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_address_and_key_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, server: ApiServer, keys: dict[str, str], tmp_path: Any
) -> None:
    secret = tmp_path / "key"
    secret.write_text(keys["viewer"] + "\n")
    with pytest.raises(ValueError, match="AEON_JOBS_API: is not set"):
        Client.from_environment()
    monkeypatch.setenv("AEON_JOBS_API", server.address)
    monkeypatch.setenv("AEON_JOBS_API_KEY_FILE", str(secret))
    with Client.from_environment() as client:
        assert client.queues()[0].name == "default"
    monkeypatch.setenv("AEON_JOBS_API_KEY", keys["viewer"])
    with pytest.raises(ValueError, match="not both"):
        Client.from_environment()
