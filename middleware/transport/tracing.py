"""The span of a submission."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aeon_jobs.middleware.integrations import Submission
from aeon_jobs.persistence.core.spans import Tracer
from aeon_jobs.persistence.core.tracing import TraceContext


class TracePublisher:
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def publishing(self, submission: Submission) -> Iterator[None]:
        options = submission.options
        given = TraceContext(options.get("traceparent"), options.get("tracestate"))
        with self._tracer.send(
            submission.job_type, submission.queue_name, given=given, workflow=submission.workflow
        ) as sending:
            # Nothing where the process has no tracer provider.
            context = {name: value for name, value in sending.context._asdict().items() if value}
            submission.options = {**options, **context}
            yield
            sending.in_workflow(submission.workflow_id or options.get("workflow_id"))
            if submission.is_batch:
                sending.stored_many(len(submission.ids), is_new=submission.is_new)
            else:
                sending.stored(submission.ids[0], is_new=submission.is_new)
