"""What arrives in Sentry: a failure once, and the spans of its Queues pages. A transport of its SDK keeps it in memory."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.transport import Transport

from aeon_jobs.middleware import integrations
from aeon_jobs.middleware.execution.outcomes import Discard, Snooze
from aeon_jobs.middleware.execution.running import current_job
from aeon_jobs.persistence.queue.states import Backoff
from tests.harness import Harness, open_harness
from tests.waiting import wait_for

SOON = Backoff(base_ms=1, multiplier=1)


class InMemory(Transport):
    def __init__(self) -> None:
        super().__init__()
        self.items: list[tuple[str, dict[str, Any]]] = []

    def capture_envelope(self, sent: Any) -> None:
        self.items += [(item.type or "", item.payload.json or {}) for item in sent.items]

    def events(self) -> list[dict[str, Any]]:
        return [item for kind, item in self.items if kind == "event"]

    def transactions(self, op: str) -> list[dict[str, Any]]:
        found = [item for kind, item in self.items if kind == "transaction"]
        return [item for item in found if item["contexts"]["trace"]["op"] == op]


Init = Callable[..., InMemory]


@pytest.fixture
def sentry() -> Iterator[Init]:
    """Sets Sentry up; it is away again after the test, and so is the integration."""
    from aeon_jobs.middleware import sentry as module

    if not integrations.publishers:
        integrations.publishers.append(module.SentryPublisher())
        integrations.middleware.append(module.SentryJobs)

    def init(**options: bool) -> InMemory:
        transport = InMemory()
        sentry_sdk.init(
            dsn="https://key@sentry.invalid/1",
            transport=transport,
            traces_sample_rate=1.0,
            auto_enabling_integrations=False,
            enable_backpressure_handling=False,  # a thread
            integrations=[module.AeonJobsIntegration(**options)],
        )
        return transport

    yield init
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)
    integrations.publishers.clear()
    integrations.middleware.clear()


@pytest.fixture
def harness(sentry: Init, environment: Any, redis_client: Any) -> Iterator[Harness]:
    with open_harness() as harness:
        yield harness


def test_a_failure_arrives_once_with_its_job_its_attempt_and_its_fingerprint(sentry: Init, harness: Harness) -> None:
    transport = sentry()

    @harness.job(max_retries=1, backoff=SOON, queue="mail")
    def fragile(secret: str) -> None:
        raise LookupError("no such shelf")

    with harness.working(queues={"mail"}):
        job = harness.finished(fragile.send("hunter2"))

    (event,) = transport.events()
    assert event["exception"]["values"][-1]["type"] == "LookupError"
    assert event["fingerprint"] == [harness.dead_letter(job.id).fingerprint]
    expected = {"job_id": str(job.id), "job_type": "fragile", "attempt": "2", "queue": "mail", "reason": "exhausted"}
    assert {name: str(event["tags"][name]) for name in expected} == expected
    assert event["contexts"]["job"]["retry_count"] == 1
    assert event["transaction"] == "fragile"
    assert "payload" not in event["contexts"]["job"]


def test_failures_before_a_retry_are_reported_on_request(sentry: Init, harness: Harness) -> None:
    transport = sentry(report_retries=True, with_payload=True)

    @harness.job(max_retries=1, backoff=SOON)
    def fragile(n: int) -> None:
        raise LookupError(f"attempt {current_job().attempt}")

    with harness.working():
        harness.finished(fragile.send(7))

    first, second = transport.events()
    assert [event["tags"]["outcome"] for event in (first, second)] == ["retried", "failed"]
    assert first["fingerprint"] == second["fingerprint"]
    assert first["contexts"]["job"]["payload"] == {"n": 7}


def test_what_a_handler_asks_for_is_no_event(sentry: Init, harness: Harness) -> None:
    transport = sentry()

    @harness.job
    def polite() -> None:
        if current_job().attempt == 1:
            raise Snooze(0)
        raise Discard("stale")

    with harness.working():
        harness.finished(polite.send())

    assert transport.events() == []
    assert len(transport.transactions("queue.process")) == 2


def test_submission_and_attempt_are_one_trace_with_the_data_of_the_queues_pages(sentry: Init, harness: Harness) -> None:
    transport = sentry()

    @harness.job(queue="mail")
    def welcome() -> None: ...

    with sentry_sdk.start_transaction(name="request", op="http.server"):
        message = welcome.send()
        ids = welcome.send_many([{}, {}])
    with harness.working(queues={"mail"}):
        for one in (message, *ids):
            harness.finished(one)

    (request,) = transport.transactions("http.server")
    publish, batch = [span for span in request["spans"] if span["op"] == "queue.publish"]
    assert publish["data"]["messaging.message.id"] == message.message_id
    assert publish["data"]["messaging.destination.name"] == "mail"
    assert batch["data"]["messaging.batch.message_count"] == 2
    attempts = {
        found["contexts"]["trace"]["data"]["messaging.message.id"]: found["contexts"]["trace"]
        for found in transport.transactions("queue.process")
    }
    trace = attempts[message.message_id]
    assert (trace["trace_id"], trace["parent_span_id"]) == (publish["trace_id"], publish["span_id"])
    assert trace["data"]["messaging.destination.name"] == "mail"
    assert trace["data"]["messaging.message.retry.count"] == 0
    assert trace["data"]["messaging.message.receive.latency"] >= 0
    assert {attempts[str(id_)]["parent_span_id"] for id_ in ids} == {batch["span_id"]}


def test_a_handler_that_cannot_be_stopped_is_reported_when_it_is_given_up(
    sentry: Init, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport, released = sentry(), threading.Event()

    @harness.job(timeout=timedelta(seconds=1), max_retries=0)
    def stuck() -> None:
        released.wait(30)

    with harness.working():
        for middleware in harness.broker.middleware:
            monkeypatch.setattr(middleware, "_grace_s", 0.05, raising=False)
        message = stuck.send()
        wait_for(transport.events, "the failure is reported")
        released.set()
        harness.finished(message)

    (event,) = transport.events()
    assert event["message"].startswith("JobTimedOut")
    assert event["tags"]["job_id"] == message.message_id


def test_a_line_that_a_handler_logs_as_an_error_is_an_event_with_its_job(sentry: Init, harness: Harness) -> None:
    transport = sentry()

    @harness.job
    def chatty() -> None:
        logging.getLogger("shop").error("shelf is empty")

    with harness.working():
        job = harness.finished(chatty.send())

    (event,) = transport.events()
    assert (event["logger"], event["tags"]["job_id"]) == ("shop", str(job.id))


def test_a_header_of_sentrys_own_integration_does_no_harm(harness: Harness) -> None:
    @harness.job
    def note() -> None: ...

    message = note.message()
    message.options["_sentry_headers"] = {"sentry-trace": ""}
    assert harness.job_of(harness.broker.enqueue(message)).status == "pending"
