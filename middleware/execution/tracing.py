"""The span of an attempt. It is the current one while the handler runs, so what the handler calls is part of it.

It ends when the verdict is known: Retries decides before, State records after. A process that is killed takes its spans along.
"""

from __future__ import annotations

from contextvars import Token
from functools import partial

from dramatiq import Broker, MessageProxy, Worker
from dramatiq.middleware import Middleware
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from aeon_jobs.middleware.execution.running import CurrentJob, active_job
from aeon_jobs.persistence.core import spans, tracing
from aeon_jobs.persistence.core.settings import Settings
from aeon_jobs.persistence.core.spans import Tracer
from aeon_jobs.persistence.core.tracing import TraceContext
from aeon_jobs.persistence.queue.states import Verdict


class Tracing(Middleware):
    def __init__(self, tracer: Tracer, settings: Settings) -> None:
        self._tracer, self._settings = tracer, settings
        self._spans: dict[CurrentJob, Span] = {}
        self._tokens: dict[CurrentJob, Token[Context]] = {}

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        tracing.start(self._settings, "worker")

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        tracing.stop(self._settings)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        job = active_job()
        if job is None or job.claimed is None:
            return
        span = self._span(job)
        self._spans[job] = span
        job.on_abandoned.append(partial(self._end, job))
        self._tokens[job] = otel_context.attach(trace.set_span_in_context(span))

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        # The hook may come twice: after the handler's end, and after an interrupt that was late.
        if (job := active_job()) and (token := self._tokens.pop(job, None)):
            self._end(job)
            otel_context.detach(token)

    def _span(self, job: CurrentJob) -> Span:
        claimed = job.claimed
        assert claimed is not None
        return self._tracer.process(
            claimed.job_type,
            claimed.queue_name,
            TraceContext(claimed.traceparent, claimed.tracestate),
            {
                "messaging.message.id": str(claimed.id),
                "messaging.client.id": job.worker_id,
                "aeon_jobs.attempt": claimed.attempt,
                "aeon_jobs.retry_count": claimed.retry_count,
                "aeon_jobs.max_retries": claimed.max_retries,
                "aeon_jobs.priority": claimed.priority,
                "aeon_jobs.dispatch_seq": claimed.dispatch_seq,
                "aeon_jobs.wait_ms": claimed.waited_ms,
            },
        )

    def _end(self, job: CurrentJob) -> None:
        span = self._spans.pop(job, None)
        if span is None:
            return
        if job.verdict:
            _describe(span, job.verdict)
        span.end()


def _describe(span: Span, verdict: Verdict) -> None:
    """What became of the attempt. An outcome that the handler asked for (Snooze, Discard, Cancel) is no error."""
    span.set_attribute("aeon_jobs.outcome", verdict.outcome)
    failure = verdict.failure
    if failure and verdict.outcome in ("retried", "failed"):
        spans.failed(span, failure.error_type, failure.message)
        span.add_event(
            "exception",
            {
                "exception.type": failure.error_type,
                "exception.message": failure.message,
                "exception.stacktrace": failure.traceback,
            },
        )
    if verdict.outcome == "retried":
        span.add_event("retry", {"aeon_jobs.delay_ms": verdict.delay_ms or 0})
    if verdict.reason:
        span.add_event("dead_letter", {"aeon_jobs.reason": verdict.reason})
