"""Waiting for a job, and its events as they come."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from aeon_jobs.api.http.routes.events import encoded
from aeon_jobs.api.http.streams import Streams
from aeon_jobs.api.service.events import event, position
from aeon_jobs.persistence.core.database import Database
from aeon_jobs.persistence.reads import changes
from aeon_jobs.persistence.reads.listing import Filter
from tests.integration.conftest import ApiClients

COMPLETE = "UPDATE jobs SET status = 'completed', completed_at = now(), result = '42' WHERE id = :id"


def _execute(database: Database, statement: str, **parameters: Any) -> None:
    with database.transaction() as connection:
        connection.execute(text(statement), parameters)


def test_waiting_answers_as_soon_as_the_job_is_over(api: ApiClients, database: Database) -> None:
    job_id = api.submitter.submit()
    answers: list[Any] = []
    waiting = threading.Thread(target=lambda: answers.append(api.viewer.get(f"/api/jobs/{job_id}?wait=30")))
    waiting.start()
    _until(lambda: api.app.state.resources.streams._watching)
    _execute(database, COMPLETE, id=job_id)
    waiting.join(10)

    assert answers[0].json()["status"] == "completed"
    assert answers[0].json()["result"] == 42


def test_waiting_gives_up_after_its_time_and_finds_no_missing_job(api: ApiClients) -> None:
    started = time.monotonic()
    assert api.viewer.get(f"/api/jobs/{api.submitter.submit()}?wait=1").json()["status"] == "pending"
    assert 0.9 < time.monotonic() - started < 10
    assert api.viewer.get(f"/api/jobs/{uuid4()}?wait=30").status_code == 404
    assert api.viewer.get(f"/api/jobs/{uuid4()}?wait=61").status_code == 400


def test_events_of_a_job_tell_each_change_and_end_with_the_job(api: ApiClients, database: Database) -> None:
    job_id = api.submitter.submit()
    _execute(database, COMPLETE, id=job_id)

    answer = api.viewer.get(f"/api/jobs/{job_id}/events")

    assert answer.headers["content-type"].startswith("text/event-stream")
    events = _events(answer.text)
    assert [(e["event"], e["data"]["status"]) for e in events] == [("state", "completed")]
    again = api.viewer.get(f"/api/jobs/{job_id}/events", headers={"last-event-id": events[-1]["id"]})
    assert again.status_code == 204
    bad = api.viewer.get(f"/api/jobs/{job_id}/events", headers={"last-event-id": "nonsense"})
    assert bad.status_code == 400
    assert api.viewer.get(f"/api/jobs/{uuid4()}/events").status_code == 404


def test_progress_is_told_apart_from_a_change_of_state(api: ApiClients, database: Database) -> None:
    job_id = api.submitter.submit()
    with database.connection() as connection:
        first = changes.of_jobs(connection, [job_id])[job_id]
    _execute(database, "UPDATE jobs SET progress = '{\"done\": 1}' WHERE id = :id", id=job_id)
    with database.connection() as connection:
        second = changes.of_jobs(connection, [job_id])[job_id]

    told = _events((encoded(event(first, None)) + encoded(event(second, first))).decode())

    assert [e["event"] for e in told] == ["state", "progress"]
    assert told[1]["data"]["progress"] == {"done": 1}
    assert position(told[1]["id"]) == second.position


async def _collect(streams: Streams, job_id: UUID, seen: list[str]) -> None:
    async for change in streams.changes_of(job_id, quiet_s=5):
        if change:
            seen.append(change.status)
            if change.is_final:
                return


def test_watchers_see_the_changes_in_order_and_a_close_ends_them(api: ApiClients, database: Database) -> None:
    job_id, other = api.submitter.submit(), api.submitter.submit()

    async def watch() -> tuple[list[str], list[str]]:
        streams = Streams(database, 10)
        seen: list[str] = []
        never: list[str] = []
        tasks = [
            asyncio.create_task(_collect(streams, job_id, seen)),
            asyncio.create_task(_collect(streams, other, never)),
        ]
        async with asyncio.timeout(20):
            for status in ("queued", "running", "completed"):
                seen_so_far = len(seen)
                while not seen or len(seen) == seen_so_far == 0:
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(
                    _execute, database, f"UPDATE jobs SET status = '{status}' WHERE id = :id", id=job_id
                )
                while status not in seen:
                    await asyncio.sleep(0.01)
            await tasks[0]
            await streams.stop()
            await tasks[1]
        return seen, never

    seen, never = asyncio.run(watch())
    assert seen == ["pending", "queued", "running", "completed"]
    assert never == ["pending"]


def test_all_events_go_on_after_the_last_one_that_was_received(api: ApiClients, database: Database) -> None:
    ids = [api.submitter.submit() for _ in range(5)]
    _execute(database, "UPDATE jobs SET updated_at = now()")  # the trigger sets the time
    with database.connection() as connection:
        states = sorted(changes.of_jobs(connection, ids).values(), key=lambda change: change.position)

        later = changes.since(connection, Filter(), states[1].position, states[-1].updated_at.replace(year=2040))

    assert [change.job_id for change in later] == [change.job_id for change in states[2:]]


@pytest.mark.parametrize("path", ["/api/events", "/api/jobs/{}/events"])
@pytest.mark.parametrize("end", ["revoked_at", "expires_at"])
def test_a_stream_ends_when_its_key_does(api: ApiClients, database: Database, path: str, end: str) -> None:
    job_id, resources = api.submitter.submit(), api.app.state.resources
    answers: list[Any] = []
    following = threading.Thread(target=lambda: answers.append(api.viewer.get(path.format(job_id))))
    following.start()
    _until(lambda: resources.authenticator._valid_until)
    _execute(database, f"UPDATE job_api_keys SET {end} = now() WHERE name = 'the-viewer'")
    resources.authenticator.forget()
    _execute(database, "UPDATE jobs SET status = 'queued' WHERE id = :id", id=job_id)

    following.join(20)
    has_ended = not following.is_alive()
    resources.streams.close()
    following.join(20)

    assert has_ended
    assert "queued" not in answers[0].text


def _until(condition: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _events(stream: str) -> list[dict[str, Any]]:
    blocks = [block for block in stream.split("\n\n") if block and not block.startswith(":")]
    fields = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
    return [{**entry, "data": json.loads(entry["data"])} for entry in fields]
