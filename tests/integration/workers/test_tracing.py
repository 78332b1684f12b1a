"""Spans from a submission to its attempts: their names, kinds, parents and links, and what becomes of failures."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import SpanKind, StatusCode

from aeon_jobs import Batch, Workflow
from aeon_jobs.middleware.execution.outcomes import Discard, PermanentError
from aeon_jobs.middleware.execution.running import current_job
from aeon_jobs.persistence.core import span_export, tracing
from aeon_jobs.persistence.core.errors import SettingsError
from aeon_jobs.persistence.core.settings import get_settings
from aeon_jobs.persistence.queue.states import Backoff
from aeon_jobs.persistence.schedules import repository
from aeon_jobs.persistence.schedules import tick as ticks
from aeon_jobs.persistence.schedules.definitions import NewSchedule
from tests.harness import Harness
from tests.spans import Spans, attributes, linked, parent_of, traceparent
from tests.waiting import wait_for

OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SOON = Backoff(base_ms=1, multiplier=1)
tracer = trace.get_tracer("tests")


def test_a_job_is_followed_from_the_request_to_what_its_handler_does(spans: Spans, harness: Harness) -> None:
    @harness.job(queue="mail")
    def welcome(user: int) -> None:
        with tracer.start_as_current_span("work"):
            pass

    with harness.working(queues={"mail"}), tracer.start_as_current_span("request"):
        message = welcome.send(user=7)
        row = harness.finished(message)
        wait_for(lambda: spans.named("dispatch"), "the dispatcher has ended its span")

    request, send, work = spans.one("request"), spans.one("send welcome"), spans.one("work")
    process, dispatch = spans.one("process welcome"), spans.one("dispatch")
    assert (send.kind, parent_of(send), linked(send)) == (SpanKind.PRODUCER, traceparent(request), [])
    assert row.traceparent == traceparent(send)
    assert (process.kind, parent_of(process), linked(process)) == (SpanKind.CONSUMER, None, [traceparent(send)])
    assert process.get_span_context().trace_id != send.get_span_context().trace_id
    assert (dispatch.kind, parent_of(dispatch), linked(dispatch)) == (SpanKind.INTERNAL, None, [traceparent(send)])
    assert parent_of(work) == traceparent(process)
    assert attributes(send) == {
        "messaging.system": "aeon_jobs",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "mail",
        "messaging.message.id": str(row.id),
        "aeon_jobs.job_type": "welcome",
    }
    found = attributes(process)
    assert found.pop("aeon_jobs.wait_ms") >= 0  # type: ignore[operator]
    assert found.pop("messaging.client.id") == row.worker_id
    assert found == {
        "messaging.system": "aeon_jobs",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "mail",
        "messaging.message.id": str(row.id),
        "aeon_jobs.job_type": "welcome",
        "aeon_jobs.attempt": 1,
        "aeon_jobs.retry_count": 0,
        "aeon_jobs.max_retries": 3,
        "aeon_jobs.priority": 50,
        "aeon_jobs.dispatch_seq": 1,
        "aeon_jobs.outcome": "completed",
    }
    assert process.status.status_code == StatusCode.UNSET


def test_each_attempt_is_a_span_with_its_error_its_retry_and_its_dead_letter(spans: Spans, harness: Harness) -> None:
    @harness.job(backoff=SOON)
    def fragile() -> None:
        if current_job().attempt == 1:
            raise ConnectionError("no route")
        raise PermanentError("no such user")

    with harness.working():
        harness.finished(fragile.send())

    first, second = spans.named("process fragile")
    submission = traceparent(spans.one("send fragile"))
    assert linked(first) == linked(second) == [submission]
    assert (first.status.status_code, first.status.description) == (StatusCode.ERROR, "no route")
    assert [event.name for event in first.events] == ["exception", "retry"]
    assert (attributes(first)["error.type"], attributes(first)["aeon_jobs.outcome"]) == ("ConnectionError", "retried")
    assert "ConnectionError: no route" in str(dict(first.events[0].attributes or {})["exception.stacktrace"])
    assert [event.name for event in second.events] == ["exception", "dead_letter"]
    assert dict(second.events[1].attributes or {}) == {"aeon_jobs.reason": "permanent"}
    assert (attributes(second)["aeon_jobs.attempt"], attributes(second)["aeon_jobs.retry_count"]) == (2, 1)


def test_an_outcome_that_a_handler_asks_for_is_no_error(spans: Spans, harness: Harness) -> None:
    @harness.job
    def stale() -> None:
        raise Discard("too old")

    with harness.working():
        harness.finished(stale.send())

    span = spans.one("process stale")
    assert (span.status.status_code, span.events, attributes(span)["aeon_jobs.outcome"]) == (
        StatusCode.UNSET,
        (),
        "discarded",
    )


def test_a_batch_is_one_span_that_all_its_jobs_are_linked_with(spans: Spans, harness: Harness) -> None:
    @harness.job
    def count(n: int) -> None: ...

    with harness.working():
        rows = [harness.finished(id_) for id_ in count.send_many({"n": n} for n in range(3))]

    send = spans.one("send count")
    assert attributes(send)["messaging.batch.message_count"] == 3
    assert "messaging.message.id" not in attributes(send)
    assert {row.traceparent for row in rows} == {traceparent(send)}
    assert [linked(span) for span in spans.named("process count")] == [[traceparent(send)]] * 3


def test_a_workflow_is_one_span_and_steps_that_are_added_are_another(spans: Spans, harness: Harness) -> None:
    @harness.job(queue="mail")
    def note(n: int = 0) -> None: ...

    @harness.job
    def split() -> None:
        current_job().workflow.add_many("part", [note.job(n=n) for n in range(2)])

    flow = Workflow("import", unique_key="k").add("split", split.job()).wait_for_time("pause", timedelta(0))
    with harness.working(queues={"default", "mail"}):
        run = flow.add("end", note.options(traceparent=OTHER).job(), deps=["split", "pause"]).submit()
        harness.finished(run.jobs["end"])
    assert not flow.submit().is_new

    send, again = spans.named("send")
    found = attributes(send)
    assert (found["aeon_jobs.workflow"], found["aeon_jobs.workflow_id"]) == ("import", str(run.id))
    assert (found["messaging.batch.message_count"], "aeon_jobs.is_new" in found) == (3, False)
    assert attributes(again)["aeon_jobs.is_new"] is False
    assert harness.job_of(run.jobs["split"]).traceparent == traceparent(send)
    assert harness.job_of(run.jobs["end"]).traceparent == OTHER
    added, process = spans.one("send note"), spans.one("process split")
    assert (parent_of(added), attributes(added)["messaging.destination.name"]) == (traceparent(process), "mail")
    parts = harness.execute("SELECT DISTINCT traceparent FROM jobs WHERE step_name LIKE 'part%'")
    assert [tuple(row) for row in parts] == [(traceparent(added),)]


def test_the_jobs_of_a_batch_have_the_span_of_what_added_them(spans: Spans, harness: Harness) -> None:
    @harness.job
    def count(n: int) -> None: ...

    batch = Batch("import").add_many(count, [{"n": 1}, {"n": 2}]).submit()
    send = spans.one("send count")
    assert attributes(send)["aeon_jobs.workflow_id"] == str(batch.id)
    assert attributes(send)["messaging.batch.message_count"] == 2
    assert harness.execute("SELECT DISTINCT traceparent FROM jobs") == [(traceparent(send),)]


def test_a_context_that_the_caller_gives_is_kept_and_linked(spans: Spans, harness: Harness) -> None:
    @harness.job
    def note() -> None: ...

    one = note.options(traceparent=OTHER, tracestate="vendor=1").send()
    (many,) = note.options(traceparent=OTHER).send_many([{}])

    assert (harness.job_of(one).traceparent, harness.job_of(one).tracestate) == (OTHER, "vendor=1")
    assert harness.job_of(many).traceparent == OTHER
    for span in spans.named("send note"):
        assert (span.kind, linked(span)) == (SpanKind.CLIENT, [OTHER])


def test_a_submission_that_fails_is_a_span_with_an_error(spans: Spans, harness: Harness) -> None:
    @harness.job
    def note(text: str) -> None: ...

    with pytest.raises(ValueError, match="priority"):
        note.options(priority=101).send("x")

    span = spans.one("send note")
    assert (span.status.status_code, attributes(span)["error.type"]) == (StatusCode.ERROR, "InvalidJob")


@pytest.fixture
def same_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACING_SAME_TRACE", "true")


def test_attempts_can_be_in_the_trace_of_the_submission(same_trace: None, spans: Spans, harness: Harness) -> None:
    @harness.job
    def note() -> None: ...

    with harness.working():
        harness.finished(note.send())

    send, process = spans.one("send note"), spans.one("process note")
    assert (parent_of(process), linked(process)) == (traceparent(send), [traceparent(send)])


def test_jobs_of_a_schedule_have_a_span_too(spans: Spans, harness: Harness) -> None:
    @harness.job(queue="nightly")
    def sweep() -> None: ...

    with harness.working(queues={"nightly"}):  # registers the job type
        pass
    with harness.database.transaction() as connection:
        now = datetime.now(UTC)
        repository.create(connection, NewSchedule(name="s", job_type="sweep", cron="* * * * *"), now)
    (job_id,) = ticks.tick(harness.database, now + timedelta(minutes=1), tracer=harness.broker.tracer).submitted

    send = spans.one("send sweep")
    assert harness.job_of(job_id).traceparent == traceparent(send)
    assert attributes(send)["messaging.destination.name"] == "nightly"


def test_a_handler_in_a_process_of_its_own_continues_the_span_of_its_attempt(spans: Spans, harness: Harness) -> None:
    sys.modules.pop("tests.traced_handlers", None)
    handlers = import_module("tests.traced_handlers")  # declares it at the broker of this test
    with harness.working():
        row = harness.finished(handlers.where_am_i.send())

    assert row.result == traceparent(spans.one("process where_am_i"))


def test_the_span_of_a_handler_that_cannot_be_stopped_ends_with_its_attempt(
    spans: Spans, monkeypatch: pytest.MonkeyPatch, harness: Harness
) -> None:
    released = threading.Event()

    @harness.job(timeout=timedelta(seconds=1), max_retries=0)
    def stuck() -> None:
        released.wait(30)

    with harness.working():
        for middleware in harness.broker.middleware:
            monkeypatch.setattr(middleware, "_grace_s", 0.05, raising=False)
        message = stuck.send()
        wait_for(lambda: spans.named("process stuck"), "the span has ended")
        released.set()
        harness.finished(message)

    assert attributes(spans.one("process stuck"))["error.type"] == "JobTimedOut"


def test_lines_of_a_handler_have_its_job_its_attempt_and_its_span(spans: Spans, harness: Harness) -> None:
    @harness.job
    def chatty() -> None:
        logging.getLogger("shop").warning("%s left", 3)

    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    try:
        with harness.working():
            row = harness.finished(chatty.send())
    finally:
        logging.getLogger().removeHandler(handler)

    (line,) = [found for found in map(json.loads, stream.getvalue().splitlines()) if found["logger"] == "shop"]
    context = spans.one("process chatty").get_span_context()
    assert (line["event"], line["job_id"], line["job_type"], line["attempt"]) == ("3 left", str(row.id), "chatty", 1)
    assert (line["trace_id"], line["span_id"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")


def test_without_a_tracer_provider_jobs_have_no_trace(harness: Harness) -> None:
    """TRACING_ENABLED is not set here."""

    @harness.job
    def note() -> None: ...

    with tracer.start_as_current_span("request"):
        assert harness.job_of(note.send()).traceparent is None
    assert not harness.broker._publishers


PROGRAM = """
from aeon_jobs.persistence.core import tracing
from aeon_jobs.persistence.core import span_export, tracing
from aeon_jobs.persistence.core.errors import SettingsError
from aeon_jobs.persistence.core.settings import get_settings
settings = get_settings()
tracing.start(settings, "worker")
with tracing.tracer(settings).send("welcome", "mail"):
    pass
tracing.stop(settings)
"""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """A server of OTLP over HTTP; its address, and what it was sent."""
    received: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


def _run(program: str, directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**environ, "TRACING_ENABLED": "true", **variables},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_process_of_ours_sends_its_spans_to_the_collector_that_the_environment_names(
    collector: tuple[str, list[ExportTraceServiceRequest]], tmp_path: Path
) -> None:
    address, received = collector
    done = _run(PROGRAM, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=address)

    assert done.returncode == 0, done.stderr
    (spans_of,) = received[0].resource_spans
    names = {found.key: found.value.string_value for found in spans_of.resource.attributes}
    assert (names["service.name"], names["aeon_jobs.process"]) == ("aeon-jobs-worker", "worker")
    assert [span.name for span in spans_of.scope_spans[0].spans] == ["send welcome"]


def test_an_exporter_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(SettingsError, match="no package that is installed has the exporter 'otlp_proto_grpc'"):
        span_export._exporter("otlp")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke")
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_PROTOCOL: must be one of http/protobuf, grpc"):
        span_export._exporter("otlp")


def test_without_opentelemetry_the_extra_is_named(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aeon_jobs.persistence.core.spans", None)
    with pytest.raises(SettingsError, match=r'TRACING_ENABLED: needs more .* pip install "aeon-jobs\[otel\]"'):
        tracing.tracer(get_settings())


def test_tracing_is_off_by_default() -> None:
    assert not get_settings().tracing_enabled
