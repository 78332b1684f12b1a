"""Steps of a new workflow: what a request says of them, as the queue stores them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aeon_jobs.api.contract import NewStep, StepCondition
from aeon_jobs.persistence.core.errors import InvalidJob, Violation
from aeon_jobs.persistence.core.tracing import TraceContext
from aeon_jobs.persistence.queue import graphs, submissions
from aeon_jobs.persistence.queue.graphs import Action, Condition, Edge, Hold

_JOB_FIELDS = ("payload", "priority", "max_retries", "timeout_ms", "queue_name", "metadata")


def new_steps(steps: Sequence[NewStep], created_by: str, trace: TraceContext) -> list[graphs.NewStep]:
    """
    Raises:
        InvalidJob: names every field at fault: ``steps[3].on_failure_of``.
    """
    if faults := [fault for place, step in enumerate(steps) for fault in _faults(place, step)]:
        raise InvalidJob(faults[:100])
    return [
        graphs.NewStep(name=step.name, job=_job(step, created_by, trace), deps=_edges(step), hold=_hold(step))
        for step in steps
    ]


def _faults(place: int, step: NewStep) -> list[Violation]:
    faults = [
        Violation(f"steps[{place}].on_failure_of", f"{name!r} is not one of its deps")
        for name in sorted(set(step.on_failure_of) - set(step.deps))
    ]
    if (step.job_type is None) == (step.wait is None):
        faults.append(Violation(f"steps[{place}]", "must have either job_type or wait"))
    return faults


def _job(step: NewStep, created_by: str, trace: TraceContext) -> submissions.NewJob | None:
    if step.job_type is None:
        return None
    return submissions.NewJob(
        job_type=step.job_type,
        **{name: getattr(step, name) for name in _JOB_FIELDS},
        created_by=created_by,
        traceparent=trace.traceparent,
        tracestate=trace.tracestate,
    )


def _edges(step: NewStep) -> list[Edge]:
    return [Edge(name, step.on_failure_of.get(name, step.on_failure)) for name in step.deps]


def _hold(step: NewStep) -> Hold | None:
    conditions = (
        *(_condition("skip", one) for one in step.skip_if),
        *(_condition("cancel", one) for one in step.cancel_if),
    )
    kind: Literal["run", "signal", "timer"] = "run"
    if step.wait is not None:
        kind = "signal" if step.wait == "signal" else "timer"
    hold = Hold(kind=kind, conditions=conditions, results=step.results, wait_ms=step.wait_ms)
    return None if hold == Hold() else hold


def _condition(action: Action, given: StepCondition) -> Condition:
    return Condition(action, given.step, given.path, given.operator, given.value)
