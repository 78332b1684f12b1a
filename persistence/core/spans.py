"""Spans of jobs, by the semantic conventions for messaging of OpenTelemetry, version 1.44 (status: development).

    send JOB_TYPE       PRODUCER    around the INSERT; its context goes into the job's row. One for a batch.
    dispatch            INTERNAL    a round of the dispatcher that sent traced jobs to Redis; linked with each of them
    process JOB_TYPE    CONSUMER    one attempt; linked with the submission

The span of an attempt begins a trace of its own: the conventions take links as the rule, because a job may run days after
its submission, many times, and with thousands of others of its batch. TRACING_SAME_TRACE makes it a child of the submission.

The names have the job type where the conventions would have the queue: all jobs of a queue would have one name. The queue is
`messaging.destination.name`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from aeon_jobs.persistence.core.tracing import NO_TRACE, TraceContext

SYSTEM = "aeon_jobs"
MAX_LINKS = 128
"""As many as the SDK keeps by default."""
MAX_TRACESTATE = 512
"""Characters of the column."""

_propagator = TraceContextTextMapPropagator()


class Sending:
    """A submission on its way."""

    def __init__(self, span: Span, context: TraceContext) -> None:
        self._span = span
        self.context = context
        """For the rows of its jobs."""

    def to(self, job_type: str, queue_name: str) -> None:
        """Where the jobs go, if it was not known before. Empty: they have several."""
        self._span.update_name(f"send {job_type}".strip())
        self._span.set_attributes(_destination(job_type, queue_name))

    def stored(self, job_id: object, *, is_new: bool) -> None:
        """One job is stored. If not `is_new`, its key or request brought back a job that was there."""
        self._span.set_attribute("messaging.message.id", str(job_id))
        self._tell_if_old(is_new)

    def stored_many(self, count: int, *, is_new: bool = True) -> None:
        """Many jobs are stored; if not `is_new`, a unique key brought back a workflow that was there."""
        self._span.set_attribute("messaging.batch.message_count", count)
        self._tell_if_old(is_new)

    def in_workflow(self, workflow_id: object) -> None:
        """The jobs belong to a workflow or a batch; None: they do not."""
        if workflow_id is not None:
            self._span.set_attribute("aeon_jobs.workflow_id", str(workflow_id))

    def _tell_if_old(self, is_new: bool) -> None:
        if not is_new:
            self._span.set_attribute("aeon_jobs.is_new", False)


class Tracer:
    """Asks the tracer provider of the process, whoever has set it; without one no span is recorded."""

    def __init__(self, *, same_trace: bool = False) -> None:
        self._tracer = trace.get_tracer("aeon_jobs")
        self._same_trace = same_trace

    @contextmanager
    def send(
        self,
        job_type: str,
        queue_name: str,
        *,
        around: TraceContext = NO_TRACE,
        given: TraceContext = NO_TRACE,
        workflow: str | None = None,
    ) -> Iterator[Sending]:
        """A span around the storing of jobs.

        Args:
            job_type, queue_name: empty if they are not known, or not one.
            around: of the request that asks for it; the calling code's own span comes before.
            given: a creation context that the caller has made for the jobs. It is kept, and linked.
            workflow: the name of the workflow that the jobs are.
        """
        own = _span_context(given)
        with self._tracer.start_as_current_span(
            f"send {job_type}".strip(),
            context=None if trace.get_current_span().get_span_context().is_valid else _context(around),
            # The conventions: PRODUCER only where the span's context goes with the message.
            kind=SpanKind.CLIENT if own else SpanKind.PRODUCER,
            links=[Link(own)] if own else [],
            attributes=_attributes("send", job_type, queue_name)
            | ({"aeon_jobs.workflow": workflow} if workflow else {}),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield Sending(span, given if own else context_of(span))
            except Exception as error:
                failed(span, type(error).__name__, str(error).partition("\n")[0])
                raise

    def dispatch(self, jobs: Sequence[tuple[object, TraceContext]], count: int, began_ns: int) -> None:
        """A round that dispatched `count` jobs, among them those of `jobs` (id, context): a span if any of them is sampled."""
        contexts = [(job_id, _span_context(context)) for job_id, context in jobs]
        links = [
            Link(found, {"messaging.message.id": str(job_id)})
            for job_id, found in contexts
            if found and found.trace_flags.sampled
        ]
        if links:
            attributes: dict[str, Any] = {
                "messaging.system": SYSTEM,
                "messaging.operation.name": "dispatch",
                "messaging.batch.message_count": count,
            }
            self._tracer.start_span(
                "dispatch", context=Context(), links=links[:MAX_LINKS], attributes=attributes, start_time=began_ns
            ).end()

    def process(
        self, job_type: str, queue_name: str, created_in: TraceContext, attributes: Mapping[str, str | int]
    ) -> Span:
        """The span of an attempt, begun. `created_in`: of the job's submission."""
        creation = _span_context(created_in)
        return self._tracer.start_span(
            f"process {job_type}",
            context=_context(created_in) if self._same_trace else Context(),
            kind=SpanKind.CONSUMER,
            links=[Link(creation)] if creation else [],
            attributes={**_attributes("process", job_type, queue_name), **attributes},
        )


def failed(span: Span, error_type: str, message: str) -> None:
    """Mark a span as failed."""
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR, message[:500]))


def context_of(span: Span) -> TraceContext:
    """The context of a span; empty if there is no tracer provider."""
    found = span.get_span_context()
    if not found.is_valid:
        return NO_TRACE
    # What the propagator writes, without its dictionaries: each submission needs it.
    ids = f"{trace.format_trace_id(found.trace_id)}-{trace.format_span_id(found.span_id)}"
    state = found.trace_state.to_header() if found.trace_state else ""
    return TraceContext(f"00-{ids}-{found.trace_flags:02x}", state if 0 < len(state) <= MAX_TRACESTATE else None)


def ids_of_current_span() -> dict[str, str]:
    """trace_id and span_id for a log line; empty outside of spans."""
    found = trace.get_current_span().get_span_context()
    if not found.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(found.trace_id), "span_id": trace.format_span_id(found.span_id)}


def current() -> TraceContext:
    return context_of(trace.get_current_span())


@contextmanager
def within(context: TraceContext) -> Iterator[None]:
    token = attach(_context(context))
    try:
        yield
    finally:
        detach(token)


def _attributes(operation: str, job_type: str, queue_name: str) -> dict[str, Any]:
    return {
        "messaging.system": SYSTEM,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        **_destination(job_type, queue_name),
    }


def _destination(job_type: str, queue_name: str) -> dict[str, Any]:
    found = {"messaging.destination.name": queue_name, "aeon_jobs.job_type": job_type}
    return {name: value for name, value in found.items() if value}


def _context(context: TraceContext) -> Context:
    if context.traceparent is None:
        return Context()
    carrier = {name: value for name, value in context._asdict().items() if value}
    return _propagator.extract(carrier, Context())


def _span_context(context: TraceContext) -> trace.SpanContext | None:
    if context.traceparent is None:
        return None
    found = trace.get_current_span(_context(context)).get_span_context()
    return found if found.is_valid else None
