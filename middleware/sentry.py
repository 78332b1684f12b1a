"""Sentry: a failed job as one event, and its submission and attempts in the Queues pages. Import it to use it:

    import sentry_sdk
    from aeon_jobs.middleware.sentry import AeonJobsIntegration

    sentry_sdk.init(dsn="…", integrations=[AeonJobsIntegration()])

1. `send` makes a span queue.publish, if there is a transaction. Its ids go into the job's row as a W3C traceparent.
2. Each attempt is a transaction of the same trace, with the op queue.process.
3. A failure that will not be retried is an event. Its fingerprint is that of the dead letter: one issue in Sentry is one cause
   of `aeon-jobs dlq`. With `report_retries=True` the failures before it are events as well.

Sentry's own DramatiqIntegration would report each exception of each attempt, and what a handler asks for (Snooze, Discard).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import sentry_sdk
from dramatiq import Broker, MessageProxy
from dramatiq.middleware import Middleware
from sentry_sdk.integrations import Integration
from sentry_sdk.integrations.logging import ignore_logger
from sentry_sdk.tracing import Span, Transaction, TransactionSource
from sentry_sdk.utils import event_from_exception

from aeon_jobs.middleware import integrations
from aeon_jobs.middleware.execution.running import CurrentJob, active_job
from aeon_jobs.middleware.integrations import Submission

SYSTEM = "aeon_jobs"
OUR_LOGGERS = ("aeon_jobs.middleware.execution.retries", "aeon_jobs.middleware.execution.deadline")
"""They say that a job failed. Sentry makes an event of each line at level ERROR: the failure would be there twice."""


class AeonJobsIntegration(Integration):
    identifier = "aeon_jobs"

    def __init__(self, *, report_retries: bool = False, with_payload: bool = False) -> None:
        """
        Args:
            report_retries: also report failures after which the job is tried again.
            with_payload: send the payload and the metadata of a failed job along. They may have personal data.
        """
        self.report_retries, self.with_payload = report_retries, with_payload

    @staticmethod
    def setup_once() -> None:
        for name in OUR_LOGGERS:
            ignore_logger(name)


def _integration() -> AeonJobsIntegration | None:
    return sentry_sdk.get_client().get_integration(AeonJobsIntegration)


class SentryPublisher:
    @contextmanager
    def publishing(self, submission: Submission) -> Iterator[None]:
        if not _integration() or not sentry_sdk.get_current_span():
            yield
            return
        name = submission.job_type or submission.workflow or "jobs"
        with sentry_sdk.start_span(op="queue.publish", name=name) as span:
            span.set_data("messaging.system", SYSTEM)
            span.set_data("messaging.destination.name", submission.queue_name)
            if not submission.options.get("traceparent"):
                submission.options = {**submission.options, "traceparent": _traceparent(span)}
            yield
            if submission.is_batch:
                span.set_data("messaging.batch.message_count", len(submission.ids))
            else:
                span.set_data("messaging.message.id", str(submission.ids[0]))


class SentryJobs(Middleware):
    """An isolation scope and a transaction around each attempt."""

    def __init__(self) -> None:
        self._open: dict[CurrentJob, tuple[AbstractContextManager[Any], Transaction | Span]] = {}

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        job = active_job()
        if job is None or job.claimed is None or not _integration():
            return
        scope_manager = sentry_sdk.isolation_scope()
        scope = scope_manager.__enter__()
        scope.clear_breadcrumbs()
        _describe_on(scope, job)
        transaction = _begin(job)
        self._open[job] = scope_manager, transaction
        job.on_abandoned.append(partial(_report, job, None))

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        job = active_job()
        if job is None or job not in self._open:
            return
        scope_manager, transaction = self._open.pop(job)
        try:
            _end(transaction, job)
            # An attempt that was abandoned is reported already.
            if not job.was_abandoned:
                _report(job, exception)
        finally:
            transaction.__exit__(None, None, None)
            scope_manager.__exit__(None, None, None)


def _begin(job: CurrentJob) -> Transaction | Span:
    claimed = job.claimed
    assert claimed is not None
    transaction = sentry_sdk.continue_trace(
        {"sentry-trace": _sentry_trace(claimed.traceparent)},
        op="queue.process",
        name=claimed.job_type,
        source=TransactionSource.TASK,
    )
    span = sentry_sdk.start_transaction(transaction)
    span.__enter__()
    span.set_data("messaging.system", SYSTEM)
    span.set_data("messaging.message.id", str(claimed.id))
    span.set_data("messaging.destination.name", claimed.queue_name)
    span.set_data("messaging.message.receive.latency", claimed.waited_ms)
    span.set_data("messaging.message.retry.count", claimed.retry_count)
    return span


def _end(span: Transaction | Span, job: CurrentJob) -> None:
    outcome = job.verdict.outcome if job.verdict else "failed"
    span.set_data("aeon_jobs.outcome", outcome)
    span.set_status("internal_error" if outcome in ("failed", "retried") else "ok")


def _describe_on(scope: sentry_sdk.Scope, job: CurrentJob) -> None:
    claimed = job.claimed
    assert claimed is not None
    scope.set_tag("job_id", str(claimed.id))
    scope.set_tag("job_type", claimed.job_type)
    scope.set_tag("attempt", claimed.attempt)
    scope.set_tag("queue", claimed.queue_name)
    found = {
        "id": str(claimed.id),
        "job_type": claimed.job_type,
        "queue": claimed.queue_name,
        "attempt": claimed.attempt,
        "retry_count": claimed.retry_count,
        "max_retries": claimed.max_retries,
        "created_by": claimed.created_by,
    }
    if (integration := _integration()) and integration.with_payload:
        found |= {"payload": claimed.payload, "metadata": claimed.metadata}
    scope.set_context("job", found)


def _report(job: CurrentJob, exception: BaseException | None) -> None:
    """One event, if the attempt failed and the failure is to be reported."""
    integration, verdict = _integration(), job.verdict
    if integration is None or verdict is None or verdict.failure is None:
        return
    if not (verdict.outcome == "failed" or (verdict.outcome == "retried" and integration.report_retries)):
        return
    failure = verdict.failure
    with sentry_sdk.new_scope() as scope:
        _describe_on(scope, job)
        scope.set_tag("outcome", verdict.outcome)
        if verdict.reason:
            scope.set_tag("reason", verdict.reason)
        scope.fingerprint = [failure.fingerprint or failure.error_type]
        if exception is None:
            # Without its thread: only what is recorded is known.
            sentry_sdk.capture_message(f"{failure.error_type}: {failure.message}", level="error")
            return
        event, hint = event_from_exception(
            exception,
            client_options=sentry_sdk.get_client().options,
            mechanism={"type": AeonJobsIntegration.identifier, "handled": verdict.outcome == "retried"},
        )
        sentry_sdk.capture_event(event, hint=hint)


def _traceparent(span: Span) -> str:
    return f"00-{span.trace_id}-{span.span_id}-{'01' if span.sampled else '00'}"


def _sentry_trace(traceparent: str | None) -> str:
    """Sentry's own form of the same ids."""
    parts = (traceparent or "").split("-")
    if len(parts) != 4 or not parts[3].isalnum():
        return ""
    sampled = int(parts[3], 16) & 1
    return f"{parts[1]}-{parts[2]}-{sampled}"


integrations.publishers.append(SentryPublisher())
integrations.middleware.append(SentryJobs)
