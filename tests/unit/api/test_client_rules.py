"""What the client decides without any IO: how errors are read, when it tries again, how a stream is cut into events."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from aeon_jobs.api import contract
from aeon_jobs.api.client import management_operations, operations, polling
from aeon_jobs.api.client.bodies import body
from aeon_jobs.api.client.errors import ConnectionFailed, JobNotOver, Refused, UnexpectedAnswer, WrongState, refusal
from aeon_jobs.api.client.event_stream import EventStream
from aeon_jobs.api.client.parsing import many, one, plain
from aeon_jobs.api.client.retrying import Retries
from aeon_jobs.api.contract import JobFilter, NewJob
from aeon_jobs.ops import sync_client

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
NOTHING_SENT = ConnectionFailed("x", was_sent=False)
LOST = ConnectionFailed("x", was_sent=True)


def _answer(status: int, **headers: str) -> Refused:
    return refusal(status, headers, None, NOW)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Tue, 01 Jan 2030 12:00:30 GMT", 30.0),
        ("Tue, 01 Jan 2030 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert _answer(503, **{"retry-after": value}).problem.retry_after_s == seconds


def test_a_problem_keeps_its_words() -> None:
    content = {
        "type": "urn:aeon-jobs:problem:wrong-state",
        "title": "Wrong state",
        "status": 409,
        "detail": "job 1 is completed",
        "request_id": "r",
        "state": "completed",
    }
    error = refusal(409, {}, content)
    assert isinstance(error, WrongState)
    assert (error.state, str(error), error.problem.request_id) == ("completed", "job 1 is completed", "r")


def test_what_may_have_been_acted_on_is_repeated_only_if_that_is_safe() -> None:
    retries = Retries()
    submit, retry, look = operations.submit("t"), operations.retry(uuid4()), operations.metrics()
    worth = {
        (name, reason): retries.is_worth_it(call, error)
        for name, call in (("submit", submit), ("retry", retry), ("look", look))
        for reason, error in (("not sent", NOTHING_SENT), ("lost", LOST), ("503", _answer(503)), ("429", _answer(429)))
    }
    assert [key for key, is_worth in worth.items() if not is_worth] == [("retry", "lost"), ("retry", "503")]
    for hopeless in (_answer(400), _answer(404), _answer(500), ZeroDivisionError()):
        assert not retries.is_worth_it(look, hopeless)
    assert not retries.is_worth_it(look, _answer(503, **{"retry-after": "31"}))


def test_pauses_grow_and_are_capped() -> None:
    retries = Retries(longest_wait_s=3)
    for failures in range(1, 40):
        assert 0 <= retries.pause_s(failures) <= min(3, 0.2 * 2 ** (failures - 1))


def test_every_submission_has_a_key_of_its_own_unless_it_is_given() -> None:
    keys = {operations.submit("t").headers["Idempotency-Key"] for _ in range(10)}
    assert len(keys) == 10
    assert operations.submit_many([NewJob(job_type="t")], request_key="k").headers == {"Idempotency-Key": "k"}


def test_only_what_is_given_is_sent() -> None:
    assert operations.submit("t").body == {"job_type": "t", "on_dependency_failure": "wait"}
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    sent = body(NewJob(job_type="t", priority=0, scheduled_at=moment, depends_on=[uuid4()]))
    assert (sent["priority"], sent["scheduled_at"], len(sent["depends_on"])) == (0, "2030-01-01T00:00:00+00:00", 1)
    params = operations.job_page(JobFilter(status=["failed", "cancelled"], metadata={"n": 5})).params
    assert [value for name, value in params if name == "status"] == ["failed", "cancelled"]
    assert dict(params)["metadata"] == '{"n": 5}'
    assert management_operations.pause_queue("a/b c").path == "/api/queues/a%2Fb%20c/pause"


def test_the_page_after_has_one_cursor() -> None:
    call = operations.job_page(cursor="a")
    following = operations.after(call, contract.Page(items=[], next_cursor="b"))
    assert following
    assert [value for name, value in following.params if name == "cursor"] == ["b"]
    assert operations.after(call, contract.Page(items=[])) is None


def test_answers_ignore_what_they_do_not_know_and_refuse_what_they_cannot_read() -> None:
    event: dict[str, Any] = {"code": "ready", "message": "m", "details": {}, "new": 1}
    assert one(contract.ExplanationReason)(event) == contract.ExplanationReason(code="ready", message="m", details={})
    for broken in ({}, None, [], "x", {"code": 1}):
        with pytest.raises(UnexpectedAnswer):
            one(contract.ExplanationReason)(broken)
    with pytest.raises(UnexpectedAnswer):
        many(contract.ExplanationReason)({})


def test_answers_go_there_and_back() -> None:
    change = contract.Submitted(job_id=uuid4(), status="pending", created_at=NOW, is_new=True)
    assert one(contract.Submitted)(plain(change)) == change


def _event(status: str) -> str:
    names = contract.JobEvent.__dataclass_fields__
    known = {"job_id": str(uuid4()), "status": status, "updated_at": NOW.isoformat(), "attempt": 1}
    return json.dumps({name: known.get(name) for name in names} | {"job_type": "t", "queue_name": "q"})


def test_a_stream_is_cut_into_events() -> None:
    stream = EventStream.of_job(uuid4())
    assert "Last-Event-ID" not in stream.request().headers
    lines = [": hello", "", "id: 7", "event: progress", f"data: {_event('running')}", "", "retry: 5", ""]
    (event,) = [found for line in lines if (found := stream.feed(line))]
    assert (event.id, event.kind, event.job.status, stream.is_over) == ("7", "progress", "running", False)
    assert stream.request().headers["Last-Event-ID"] == "7"
    stream.feed(f"data:{_event('completed')}")
    assert stream.feed("")
    assert stream.is_over


def test_half_an_event_is_forgotten_with_its_connection() -> None:
    stream = EventStream.of_all()
    stream.feed(f"data: {_event('failed')}")
    stream.request()
    assert stream.feed("") is None
    stream.feed("data: {nonsense")
    with pytest.raises(UnexpectedAnswer):
        stream.feed("")


def test_waiting_asks_until_the_job_is_over_or_the_time_is() -> None:
    def answers(status: str) -> Any:
        class Job:
            job_id, is_over = 1, status == "completed"

            def __init__(self) -> None:
                self.status = status

        return Job()

    talk = polling.wait("id", None)
    assert dict(next(talk).params)["wait"] == "30"
    talk.send(answers("running"))
    with pytest.raises(StopIteration):
        talk.send(answers("completed"))

    clock = iter([0.0, 0.0, 40.0, 60.0]).__next__
    talk = polling.wait("id", 50, clock)
    assert next(talk).extra_s == 30
    assert talk.send(answers("running")).extra_s == 10
    with pytest.raises(JobNotOver):
        talk.send(answers("running"))


def test_the_client_that_waits_is_made_from_the_one_for_asyncio() -> None:
    assert sync_client.TARGET.read_text() == sync_client.sync_source(), "run python -m aeon_jobs.ops.sync_client"
