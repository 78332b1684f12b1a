"""Steps of workflows as publishers see them: one submission of many jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from aeon_jobs.middleware.integrations import Submission
from aeon_jobs.persistence.queue.graphs import NewStep

if TYPE_CHECKING:
    from aeon_jobs.middleware.execution.definitions import Definition


def submission_of(steps: Sequence[NewStep], known: Mapping[str, Definition], workflow: str | None = None) -> Submission:
    """Its job type and its queue are empty if the steps have several. `workflow`: the name of a new one."""
    jobs = [step.job for step in steps if step.job is not None]
    queues = [job.queue_name or known[job.job_type].queue_name for job in jobs if job.job_type in known]
    return Submission(_only([job.job_type for job in jobs]), _only(queues), {}, is_batch=True, workflow=workflow)


def traced(steps: Sequence[NewStep], submission: Submission) -> Sequence[NewStep]:
    """The steps with the trace context of their submission; a job that has one of its own keeps it."""
    options = submission.options
    context = {name: options[name] for name in ("traceparent", "tracestate") if options.get(name)}
    if not context:
        return steps
    return [
        replace(step, job=replace(step.job, **context)) if step.job and step.job.traceparent is None else step
        for step in steps
    ]


def _only(names: Sequence[str]) -> str:
    return names[0] if len(set(names)) == 1 else ""
